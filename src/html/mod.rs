//! The HTML that authentik allows in labels, small print and consent texts, as text.
//!
//! An administrator writes these texts in authentik. A browser shows them as HTML,
//! so paragraphs, lists, bold words and links are what to expect. A terminal shows
//! the same words: tags are left out, blocks begin on a new line, list items get a
//! marker, and a link's address follows its words. Whatever is not HTML is shown as
//! it is written, so that nothing gets lost: `1 < 2`, `R&D`, `&unknown;`.
//!
//! The input is read once, from left to right, without recursion. The time is
//! linear in its length, and so is the memory.

mod entities;

/// Turns HTML into text: lines without blanks at their ends, and no empty lines.
///
/// A text without any tag keeps its own lines. Control characters of the input are
/// not touched: [`crate::text::from_html`] removes them afterwards.
#[must_use]
pub fn to_text(html: &str) -> String {
    let mut page = Page {
        keeps_lines: !html.contains('<'),
        ..Page::default()
    };
    let mut rest = html;
    while let Some((words, markup)) = rest.split_once('<') {
        page.words(words);
        rest = match page.markup(markup) {
            Some(after) => after,
            None => {
                page.character('<');
                markup
            }
        };
    }
    page.words(rest);
    page.close_link();
    page.text
}

/// What separates the next character from the text so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Blank,
    Line,
}

/// An `<a>` that is still open.
struct Link {
    address: String,
    /// Where its words begin in the text.
    begin: usize,
}

/// The text so far, and what is open.
#[derive(Default)]
struct Page {
    text: String,
    gap: Gap,
    /// The marker of a list item, until its first character comes.
    marker: Option<String>,
    link: Option<Link>,
    /// The open lists; a number is the last item's in an ordered list.
    lists: Vec<Option<u32>>,
    /// Whether a line of the input is a line of the text, as inside `<pre>`.
    keeps_lines: bool,
    /// A tag had a quote without an end. From there on, quotes are ignored.
    ignores_quotes: bool,
    /// No `>` follows, so each `<` is an ordinary character.
    has_no_more_tags: bool,
}

impl Page {
    /// Reads what follows a `<`, and returns what comes after the tag or comment.
    /// `None` if the `<` does not begin one.
    fn markup<'a>(&mut self, markup: &'a str) -> Option<&'a str> {
        if self.has_no_more_tags {
            return None;
        }
        if markup.starts_with("!--") {
            // A comment without an end hides the rest, as in a browser. `<!-->` is a
            // whole comment.
            return Some(markup.split_once("-->").map_or("", |(_, after)| after));
        }
        if let Some(declaration) = markup.strip_prefix(['!', '?']) {
            let is_one = declaration.starts_with(|c: char| c.is_ascii_alphabetic() || c == '[');
            return is_one
                .then(|| self.tag(declaration))?
                .map(|(_, after)| after);
        }
        let (closes, tag) = match markup.strip_prefix('/') {
            Some(tag) => (true, tag),
            None => (false, markup),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == ':';
        let name = tag.split(|c| !is_name(c)).next().unwrap_or_default();
        let after_name = tag.strip_prefix(name)?;
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>');
        // `<alice@example.com>` and `<3` are not tags.
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !after_name.starts_with(ends) {
            return None;
        }
        let (attributes, after) = self.tag(after_name)?;
        let name = name.to_ascii_lowercase();
        if closes {
            self.close(&name);
        } else if let "script" | "style" | "template" | "title" = name.as_str() {
            return Some(after_element(after, &name));
        } else {
            self.open(&name, attributes);
        }
        Some(after)
    }

    /// Splits at the `>` that ends a tag. One inside a quoted value does not.
    fn tag<'a>(&mut self, tag: &'a str) -> Option<(&'a str, &'a str)> {
        if !self.ignores_quotes {
            if let Some(split) = split_at_tag_end(tag) {
                return Some(split);
            }
            // Looked for only once, so that the time stays linear.
            self.ignores_quotes = true;
        }
        let split = tag.split_once('>');
        self.has_no_more_tags = split.is_none();
        split
    }

    fn open(&mut self, name: &str, attributes: &str) {
        match name {
            "a" => {
                self.close_link();
                self.link = attribute(attributes, "href")
                    .and_then(address)
                    .map(|address| Link {
                        address,
                        begin: self.text.len(),
                    });
            }
            "img" => self.words(attribute(attributes, "alt").unwrap_or_default()),
            "ul" | "menu" => self.lists.push(None),
            "ol" => self.lists.push(Some(0)),
            "li" => {
                let marker = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number = number.saturating_add(1);
                        format!("{number}. ")
                    }
                    _ => "- ".to_owned(),
                };
                self.marker = Some(marker);
            }
            "pre" => self.keeps_lines = true,
            _ => {}
        }
        self.separate(gap_around(name));
    }

    fn close(&mut self, name: &str) {
        match name {
            "a" => self.close_link(),
            "ul" | "menu" | "ol" => {
                self.lists.pop();
            }
            "li" => self.marker = None,
            "pre" => self.keeps_lines = false,
            _ => {}
        }
        self.separate(gap_around(name));
    }

    /// Appends the address of the open link, unless its words are the address.
    fn close_link(&mut self) {
        let Some(Link { address, begin }) = self.link.take() else {
            return;
        };
        let label = self.text.get(begin..).unwrap_or_default().trim();
        if label == address {
            return;
        }
        if label.is_empty() {
            self.characters(&address);
            return;
        }
        let gap = std::mem::replace(&mut self.gap, Gap::Blank);
        self.characters("(");
        self.characters(&address);
        self.characters(")");
        self.gap = gap;
    }

    fn separate(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// Words between two tags.
    fn words(&mut self, words: &str) {
        self.characters(&decoded(words));
    }

    fn characters(&mut self, text: &str) {
        text.chars().for_each(|c| self.character(c));
    }

    fn character(&mut self, c: char) {
        if c == '\n' && self.keeps_lines {
            return self.separate(Gap::Line);
        }
        if c.is_ascii_whitespace() {
            return self.separate(Gap::Blank);
        }
        if let Some(marker) = self.marker.take() {
            self.begin_with(Gap::Line);
            self.text.push_str(&marker);
        } else {
            self.begin_with(self.gap);
        }
        self.gap = Gap::None;
        self.text.push(c);
    }

    fn begin_with(&mut self, gap: Gap) {
        if self.text.is_empty() {
            return;
        }
        match gap {
            Gap::None => {}
            Gap::Blank => self.text.push(' '),
            Gap::Line => self.text.push('\n'),
        }
    }
}

/// How an element is separated from the text around it.
fn gap_around(name: &str) -> Gap {
    match name {
        "td" | "th" => Gap::Blank,
        "address" | "article" | "aside" | "blockquote" | "body" | "br" | "caption" | "center"
        | "dd" | "details" | "div" | "dl" | "dt" | "fieldset" | "figcaption" | "figure"
        | "footer" | "form" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "head" | "header"
        | "hr" | "html" | "legend" | "li" | "main" | "menu" | "nav" | "ol" | "option" | "p"
        | "pre" | "section" | "summary" | "table" | "tr" | "ul" => Gap::Line,
        _ => Gap::None,
    }
}

/// Splits at the first `>` that is not inside a quoted value. A quote begins a
/// value only after `=`.
fn split_at_tag_end(tag: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut is_value = false;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) => {
                if byte == open {
                    quote = None;
                }
            }
            (None, b'>') => {
                let (inside, after) = tag.split_at_checked(at)?;
                return Some((inside, after.strip_prefix('>')?));
            }
            (None, b'"' | b'\'') if is_value => {
                quote = Some(byte);
                is_value = false;
            }
            (None, _) => is_value = byte == b'=' || is_value && byte.is_ascii_whitespace(),
        }
    }
    None
}

/// The input after the end of an element whose contents are not shown. Empty if the
/// element has no end.
fn after_element<'a>(contents: &'a str, name: &str) -> &'a str {
    let mut rest = contents;
    while let Some((_, tag)) = rest.split_once("</") {
        rest = tag;
        let Some((found, after)) = tag.split_at_checked(name.len()) else {
            continue;
        };
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>');
        if found.eq_ignore_ascii_case(name) && after.starts_with(ends) {
            return after.split_once('>').map_or("", |(_, after)| after);
        }
    }
    ""
}

/// The value of an attribute, as it is written; empty if it has none.
fn attribute<'a>(attributes: &'a str, wanted: &str) -> Option<&'a str> {
    let is_space = |c: char| c.is_ascii_whitespace();
    let mut rest = attributes;
    loop {
        rest = rest.trim_start_matches(|c| is_space(c) || matches!(c, '/' | '='));
        if rest.is_empty() {
            return None;
        }
        let ends = |c| is_space(c) || matches!(c, '/' | '=');
        let (name, after) = rest.split_at_checked(rest.find(ends).unwrap_or(rest.len()))?;
        let value;
        (value, rest) = match after.trim_start_matches(is_space).strip_prefix('=') {
            None => ("", after),
            Some(after) => {
                let after = after.trim_start_matches(is_space);
                if let Some(quoted) = after.strip_prefix('"') {
                    quoted.split_once('"').unwrap_or((quoted, ""))
                } else if let Some(quoted) = after.strip_prefix('\'') {
                    quoted.split_once('\'').unwrap_or((quoted, ""))
                } else {
                    after.split_once(is_space).unwrap_or((after, ""))
                }
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
    }
}

/// The address of a link, if a person can use it. `None` if it means nothing outside a
/// browser: a place on the same page, a script, data.
fn address(href: &str) -> Option<String> {
    let mut href = decoded(href);
    // Browsers ignore these in an address.
    href.retain(|c| !c.is_control());
    let address = href.trim();
    let scheme = address
        .split_once(':')
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("javascript" | "vbscript" | "data") => None,
        Some("mailto" | "tel") => address.split_once(':').map(|(_, rest)| rest.to_owned()),
        _ if address.is_empty() || address.starts_with('#') => None,
        _ => Some(address.to_owned()),
    }
}

/// `text` with its character references replaced. Text that is not a reference stays as it
/// is.
fn decoded(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('&') {
        decoded.push_str(plain);
        let (character, after) = reference(after).unwrap_or(('&', after));
        decoded.push(character);
        rest = after;
    }
    decoded.push_str(rest);
    decoded
}

/// The character that a reference stands for, and what follows its semicolon;
/// `after` is what follows the `&`.
fn reference(after: &str) -> Option<(char, &str)> {
    /// The longest that is looked for, in bytes: some zeros may lead a number.
    const MAX: usize = 12;
    let end = after.bytes().take(MAX).position(|byte| byte == b';')?;
    let (name, after) = after.split_at_checked(end)?;
    let character = match name.strip_prefix('#') {
        Some(number) => numbered(number)?,
        None => entities::named(name)?,
    };
    Some((character, after.strip_prefix(';')?))
}

/// Reads `8211` or `x2013`. A reference to a control character other than white space does
/// not count.
fn numbered(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // `from_str_radix` would accept a sign, too.
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let character = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
    (!character.is_control() || character.is_ascii_whitespace()).then_some(character)
}

#[cfg(test)]
mod tests {
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
    fn what_is_not_for_reading_is_left_out() {
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
    fn what_is_no_html_is_shown_as_it_is() {
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

    /// This thread's time on a processor: other work of the machine does not count.
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
}
