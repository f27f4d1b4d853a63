//! A push to a phone, with every fault of an answer. No fault causes a second push.

use std::time::{Duration, Instant};

use authentik_double::{Double, Fault, Match};

use super::table::Cell;
use super::{REFUSED, Trouble};
use crate::bench::{Bench, PASSWORD};

pub(super) fn play(trouble: &Trouble) -> Cell {
    let bench = Bench::with(Double::builder().without_pause())
        .top("request_timeout = \"1s\"")
        .top("push_timeout = \"1s\"");
    let posts = match trouble.in_body {
        true => Match::get("executor/linux-mfa").nth(4),
        false => Match::post("executor/linux-mfa").nth(3),
    };
    bench.double.inject((trouble.strike)(Fault::on(posts)));
    let begun = Instant::now();
    let outcome = bench
        .pam("linux-mfa", "duke")
        .answer_secret(PASSWORD)
        .answer_secret("")
        .timeout(Duration::from_secs(20))
        .authenticate()
        .try_run();
    let mut cell = Cell::new(trouble.name, "after the push", outcome, begun.elapsed());
    cell.expect(REFUSED, "");
    let posts: Vec<_> = bench
        .double
        .requests()
        .into_iter()
        .filter(|request| request.method == "POST")
        .collect();
    // The name, the password, and the push, whose body may not have been read.
    let sent = posts.len();
    cell.require(sent == 3, &format!("{sent} answers were sent"));
    let pushes = posts
        .iter()
        .filter(|request| String::from_utf8_lossy(&request.body).contains("\"duo\""))
        .count();
    cell.require(pushes <= 1, "a second push was sent");
    cell
}
