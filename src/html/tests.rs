//! HTML, and the text that it becomes.

use super::*;

#[track_caller]
fn all_become(cases: &[(&str, &str)]) {
    for (html, text) in cases {
        assert_eq!(to_text(html), *text, "{html}");
    }
}

#[test]
fn blocks_and_breaks_begin_a_line() {
    all_become(&[
        ("", ""),
        ("plain", "plain"),
        (
            "one<br>two<br/>three<BR class=\"x\">four",
            "one\ntwo\nthree\nfour",
        ),
        ("<p>one</p> <p>two</p>three", "one\ntwo\nthree"),
        ("<h1>Title</h1>text<hr>more", "Title\ntext\nmore"),
        ("<div>\n  <div>one</div>\n</div>\n", "one"),
        ("a <b>bold</b><i>!</i> word", "a bold! word"),
        (
            "<tr><td>User</td><td>alice</td></tr><tr><td>Host</td><td>vm</td></tr>",
            "User alice\nHost vm",
        ),
        ("one\n  two\tthree<br>", "one two three"),
    ]);
}

#[test]
fn lists_keep_their_items_and_numbers() {
    all_become(&[
        (
            "<p>Take <b>care</b></p><ul><li>one</li><li>two</li></ul>",
            "Take care\n- one\n- two",
        ),
        (
            "Then:<ol><li><p>open<ul><li>the app</ul><li>scan</ol>done",
            "Then:\n1. open\n- the app\n2. scan\ndone",
        ),
        ("<ul><li></li><li> </li><li>x</ul>", "- x"),
        ("<li>alone", "- alone"),
        ("</ul></ol></li>x", "x"),
    ]);
}

#[test]
fn the_address_of_a_link_follows_its_words() {
    all_become(&[
        (
            "Read <a href=\"https://a.example/x?a=1&amp;b=2\">the rules</a>.",
            "Read the rules (https://a.example/x?a=1&b=2).",
        ),
        (
            "<a class=x HREF = 'https://a.example' >x</a> y",
            "x (https://a.example) y",
        ),
        (
            "<a href=https://a.example/>x </a>y",
            "x (https://a.example/) y",
        ),
        (
            "<a href=\"https://a.example\">https://a.example</a>",
            "https://a.example",
        ),
        ("<a href=\"https://a.example\"></a>", "https://a.example"),
        (
            "<a href='mailto:help@a.example'>help@a.example</a>",
            "help@a.example",
        ),
        ("<a href='tel:+49123'>Call</a>", "Call (+49123)"),
        ("<a href=\"/if/user/\">settings</a>", "settings (/if/user/)"),
        ("<a href='#'>desk</a>", "desk"),
        ("<a href=''>desk</a> <a>x</a>", "desk x"),
        ("<a href=\"JavaScript:void(0)\">here</a>", "here"),
        ("<a href=\"java&#10;script:void(0)\">here</a>", "here"),
        ("<a href=\"data:text/html,x\">here</a>", "here"),
        ("<a href=\"x\"><p>one</p></a><p>two</p>", "one (x)\ntwo"),
        ("<a href=x>one<a href=y>two", "one (x)two (y)"),
        ("<a href=\"x\" title=\"a > b\">one</a>", "one (x)"),
        ("<a href=\"x?a=1&copy=2\">one</a>", "one (x?a=1&copy=2)"),
    ]);
}

#[test]
fn contents_that_are_not_shown_are_left_out() {
    all_become(&[
        ("<script>if (1 < 2) alert('</b>')</script>x", "x"),
        ("<STYLE type='a>b'>p > a { }</style >x", "x"),
        ("<title>t</title><template><b>t</b></template>x", "x"),
        ("x<script>never ends", "x"),
        ("<script>a</scripty></script x", ""),
        ("a<!-- <b> -- > -->b<!-->c<!--->d<!-- never ends", "abcd"),
        ("<!DOCTYPE html><?xml version='1.0'?>x", "x"),
        ("<img src=x>a<img alt='a &amp; b'/>", "aa & b"),
    ]);
}

#[test]
fn text_that_is_not_html_stays_as_it_is() {
    all_become(&[
        ("1 < 2, <3, a<, <", "1 < 2, <3, a<, <"),
        ("Alice <alice@a.example>", "Alice <alice@a.example>"),
        ("<> </> </ b> <!> <! x <?>", "<> </> </ b> <!> <! x <?>"),
        ("<b", "<b"),
        ("a <b c", "a <b c"),
        ("<b>x</b", "x</b"),
        (
            "<a href=\"x>Terms</a> and <b>more</b>",
            "Terms (x) and more",
        ),
        ("R&D & Co; &unknown; &amp &;", "R&D & Co; &unknown; &amp &;"),
        (
            "&#; &#x; &#xg; &#-1; &#+65; &#27; &#0; &#155;",
            "&#; &#x; &#xg; &#-1; &#+65; &#27; &#0; &#155;",
        ),
        (
            "&#xd800; &#x110000; &#99999999999;",
            "&#xd800; &#x110000; &#99999999999;",
        ),
    ]);
}

#[test]
fn references_become_characters_once() {
    all_become(&[
        ("&lt;b&gt; &amp;lt; &quot;&apos;", "<b> &lt; \"'"),
        ("gr&uuml;&szlig; &euro;5&hellip;", "grüß €5…"),
        ("&#8211;&#x2013;&#X2013;&#0000065;", "–––A"),
        ("a&nbsp;b &#160;", "a\u{a0}b \u{a0}"),
        ("a&#10;&#9;&#13;b<br>", "a b"),
    ]);
}

#[test]
fn a_text_without_tags_keeps_its_lines() {
    all_become(&[
        ("R&D\nsecond  line\n\nthird", "R&D\nsecond line\nthird"),
        ("<pre>one\n  two</pre>\nthree\nfour", "one\ntwo\nthree four"),
    ]);
}

/// This thread's processor time: other work of the machine does not count.
fn processor_time() -> std::time::Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    nix::time::clock_gettime(clock).unwrap().into()
}

/// Repeats text that could make a reader go back, and compares the time for a text
/// with the time for one that is sixteen times as long.
#[test]
fn time_is_linear() {
    for part in [
        "<",
        "<b",
        "</",
        "<a href=\"",
        "<a href='",
        "<!--",
        "<!",
        "<script>",
        "</script",
        "<script></",
        "&",
        "&#",
        "&#x1",
        "&amp",
        "<a href=x>",
        "<a href=x>y",
        "<ol><li>",
        "<b \"='",
        "<a =\"<a ='",
        "<p>",
        "\n",
        "<li>",
        "<a/",
        "<a =",
        "<img alt='&amp;",
    ] {
        let took = |length: usize| {
            let html = part.repeat(length / part.len());
            let begun = processor_time();
            let text = to_text(&html);
            assert!(text.len() <= html.len() * 2, "{part}");
            processor_time() - begun
        };
        let best = |length| (0..3).map(|_| took(length)).min().unwrap();
        let (short, long) = (best(1 << 13), took(1 << 17));
        // Quadratic would be 256 times.
        assert!(
            long < short * 40 + std::time::Duration::from_millis(20),
            "{part}: {short:?}, {long:?}"
        );
    }
}
