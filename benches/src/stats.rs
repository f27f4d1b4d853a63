//! Medians, their spread, and lines through points.

/// Measurements of one thing.
#[derive(Clone, Debug, Default)]
pub struct Sample(Vec<f64>);

impl Sample {
    /// Adds one.
    pub fn push(&mut self, value: f64) {
        let at = self.0.partition_point(|other| *other < value);
        self.0.insert(at, value);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value below which this share of the measurements lies; NaN if there are none.
    pub fn quantile(&self, share: f64) -> f64 {
        let Some(last) = self.0.len().checked_sub(1) else {
            return f64::NAN;
        };
        let place = share.clamp(0.0, 1.0) * last as f64;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        self.0[below] + (self.0[above] - self.0[below]) * place.fract()
    }

    /// The median.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The quartiles, between which half of them lie.
    pub fn spread(&self) -> (f64, f64) {
        (self.quantile(0.25), self.quantile(0.75))
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Sample {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Sample(values)
    }
}

/// A straight line through points, by least squares.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The value at zero.
    pub base: f64,
    /// How much each further one adds.
    pub per_unit: f64,
    /// The quality of the fit: 1 is a straight line.
    pub r_squared: f64,
}

impl Line {
    /// The line through these points.
    pub fn through(points: &[(f64, f64)]) -> Line {
        let n = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
        let (mx, my) = (mean(|p| p.0), mean(|p| p.1));
        let sum = |of: &dyn Fn(f64, f64) -> f64| {
            points.iter().map(|(x, y)| of(x - mx, y - my)).sum::<f64>()
        };
        let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
        let per_unit = xy / xx;
        Line {
            base: my - per_unit * mx,
            per_unit,
            r_squared: if yy == 0.0 { 1.0 } else { xy * xy / (xx * yy) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_lies_in_the_middle() {
        let sample: Sample = [5.0, 1.0, 3.0, 2.0, 4.0].into_iter().collect();
        assert_eq!(sample.median(), 3.0);
        assert_eq!(sample.spread(), (2.0, 4.0));
        let mut sample = Sample::default();
        assert!(sample.is_empty() && sample.median().is_nan());
        for value in [9.0, 1.0] {
            sample.push(value);
        }
        assert_eq!((sample.len(), sample.median()), (2, 5.0));
    }

    #[test]
    fn a_line_is_found_again() {
        let points: Vec<_> = [1.0, 10.0, 50.0].map(|x| (x, 3.0 + 0.5 * x)).to_vec();
        let line = Line::through(&points);
        assert!((line.base - 3.0).abs() < 1e-9 && (line.per_unit - 0.5).abs() < 1e-9);
        assert!((line.r_squared - 1.0).abs() < 1e-9);
        let bent = Line::through(&[(0.0, 0.0), (1.0, 1.0), (2.0, 4.0), (3.0, 9.0)]);
        assert!(bent.r_squared < 0.95);
    }
}
