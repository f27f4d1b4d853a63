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
mod references;
mod tag;
#[cfg(test)]
mod tests;

use references::decoded;
use tag::{after_element, attribute, split_at_tag_end};

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
