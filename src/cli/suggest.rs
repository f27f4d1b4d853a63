//! Suggests similar words.

/// The word among `known` that differs from `word` in at most two letters.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|other| (distance(word, other), other))
        .filter(|(distance, other)| *distance <= 2 && *distance < other.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// How many letters must be added, taken out, changed, or swapped with their
/// neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i.saturating_add(1)];
        for (j, y) in b.iter().enumerate() {
            let get = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX);
            let changed = get(&row, j).saturating_add(usize::from(x != y));
            let added = get(&next, j).saturating_add(1);
            let taken = get(&row, j.saturating_add(1)).saturating_add(1);
            let mut best = changed.min(added).min(taken);
            let is_swap = i > 0
                && j > 0
                && a.get(i.saturating_sub(1)) == Some(y)
                && b.get(j.saturating_sub(1)) == Some(x);
            if is_swap {
                best = best.min(get(&before, j.saturating_sub(1)).saturating_add(1));
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested() {
        let known = ["sshd", "sudo", "su", "login"];
        let near = |word| nearest(word, known.into_iter());
        assert_eq!(near("sduo"), Some("sudo"));
        assert_eq!(near("sshdd"), Some("sshd"));
        assert_eq!(near("ssh"), Some("sshd"));
        assert_eq!(near("postgres"), None);
    }
}
