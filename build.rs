//! Linker settings of the module, and its words in every language.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a build may end like this, and its environment is cargo's"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // An application that calls dlclose in the middle of its life must not
    // unmap code that thread-local destructors or a signal may still run.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    compile_words();
}

/// A language's words by their keys.
type Language = BTreeMap<String, String>;

/// Makes one struct of `src/words/*.toml`: a key that a language lacks, or a
/// placeholder that it forgets, ends the build.
fn compile_words() {
    println!("cargo::rerun-if-changed=src/words");
    let mut languages: BTreeMap<String, Language> = BTreeMap::new();
    for entry in std::fs::read_dir("src/words").expect("src/words is there") {
        let path = entry.expect("src/words can be read").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let name = path.file_stem().expect("a file has a name");
            languages.insert(name.to_string_lossy().into_owned(), read(&path));
        }
    }
    let english = languages.get("en").expect("src/words/en.toml is there");
    for (name, words) in &languages {
        for (key, text) in english {
            let theirs = words
                .get(key)
                .unwrap_or_else(|| panic!("src/words/{name}.toml lacks {key}"));
            assert_eq!(
                placeholders(text),
                placeholders(theirs),
                "src/words/{name}.toml: the placeholders of {key}"
            );
        }
        for key in words.keys() {
            assert!(
                english.contains_key(key),
                "src/words/{name}.toml has {key}, which en.toml has not"
            );
        }
    }
    let mut list = String::new();
    let mut code = String::from(
        "/// The module's own words in one language.\n#[derive(Debug, PartialEq, Eq)]\npub struct Words {\n",
    );
    for (key, text) in english {
        writeln!(code, "    /// {text:?}\n    pub {key}: &'static str,").expect("text grows");
    }
    code.push_str("}\n\n");
    code.push_str(&dividing(english));
    for (name, words) in &languages {
        let text: String = words.values().map(String::as_str).collect();
        let lengths: Vec<usize> = words.values().map(String::len).collect();
        let language =
            format!("Language {{ tag: {name:?}, text: {text:?}, lengths: &{lengths:?} }}");
        if name == "en" {
            writeln!(code, "static ENGLISH: Language = {language};").expect("text grows");
        }
        writeln!(list, "    {language},").expect("text grows");
    }
    writeln!(
        code,
        "/// Every language.\nstatic LANGUAGES: [Language; {}] = [\n{list}];",
        languages.len()
    )
    .expect("text grows");
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(Path::new(&out).join("words.rs"), code).expect("OUT_DIR can be written");
}

/// How a language's texts become fields; a map of keys is sorted, so the order is the
/// same in all. By way of an array: a call for each field is three times as long.
fn dividing(english: &Language) -> String {
    let fields: Vec<&str> = english.keys().map(String::as_str).collect();
    let fields = fields.join(", ");
    format!(
        "/// How many texts a language has.\nconst TEXTS: usize = {};\n\n\
         impl Words {{\n    fn divided(language: &Language) -> Self {{\n        \
         let mut texts = Texts::of(language);\n        \
         let [{fields}]: [&'static str; TEXTS] = std::array::from_fn(|_| texts.next());\n        \
         Self {{ {fields} }}\n    }}\n}}\n\n",
        english.len()
    )
}

fn read(path: &Path) -> Language {
    let text = std::fs::read_to_string(path).expect("a language's file can be read");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands in braces, sorted.
fn placeholders(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = text
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
        .collect();
    found.sort_unstable();
    found
}
