//! A source file as words: what the rules are held against.

use super::Source;

/// A word or a sign of the source; `::` is one.
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) line: usize,
    /// How many modules are open around it within the file, by braces.
    pub(crate) inline: usize,
    /// Whether it stands in something that is compiled for tests only.
    pub(crate) test: bool,
}

/// A source file as words, without strings and comments.
pub(crate) struct Code {
    pub(crate) words: Vec<Word>,
    /// Modules in files of their own that are compiled for tests only: their paths without `.rs`.
    pub(crate) test_files: Vec<String>,
}

impl Code {
    pub(crate) fn read(source: &Source) -> Self {
        let mut code = Self { words: words(&source.text), test_files: Vec::new() };
        code.mark_tests(source);
        code.mark_modules();
        code
    }

    pub(crate) fn is(&self, at: usize, text: &str) -> bool {
        self.words.get(at).is_some_and(|word| word.text == text)
    }

    fn are(&self, at: usize, texts: &[&str]) -> bool {
        texts.iter().enumerate().all(|(offset, text)| self.is(at + offset, text))
    }

    /// Marks what follows `#[cfg(test)]`: to the end of its block, or of its statement.
    fn mark_tests(&mut self, source: &Source) {
        const CFG: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
        let mut base = source.modules();
        if matches!(base.last().map(String::as_str), Some("main" | "lib")) {
            base.pop();
        }
        for at in 0..self.words.len() {
            if !self.are(at, &CFG) {
                continue;
            }
            let end = self.item_end(at + CFG.len());
            for word in &mut self.words[at..end] {
                word.test = true;
            }
            let module = (at..end).find(|at| self.is(*at, "mod"));
            if let Some(module) = module.filter(|module| self.is(module + 2, ";")) {
                let name = &self.words[module + 1].text;
                self.test_files.push(
                    ["src"]
                        .into_iter()
                        .chain(base.iter().map(String::as_str))
                        .chain([name.as_str()])
                        .collect::<Vec<_>>()
                        .join("/"),
                );
            }
        }
    }

    /// Past the item that begins at a word: its `;`, or the brace that closes its first block.
    fn item_end(&self, from: usize) -> usize {
        let mut depth = 0_usize;
        for at in from..self.words.len() {
            match self.words[at].text.as_str() {
                ";" if depth == 0 => return at + 1,
                "{" => depth += 1,
                "}" if depth == 1 => return at + 1,
                "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        self.words.len()
    }

    /// Notes how deep in modules of the file each word stands.
    fn mark_modules(&mut self) {
        let (mut depth, mut open) = (0_usize, Vec::new());
        for at in 0..self.words.len() {
            if self.is(at, "{") {
                depth += 1;
                if at >= 2 && self.is(at - 2, "mod") {
                    open.push(depth);
                }
            }
            self.words[at].inline = open.len();
            if self.is(at, "}") {
                if open.last() == Some(&depth) {
                    open.pop();
                }
                depth = depth.saturating_sub(1);
            }
        }
    }

    /// What the path that begins at a word names, counted from the crate; a group names several. Empty if no path begins
    /// there that says where it counts from.
    pub(crate) fn imported(&self, at: usize, modules: &[String]) -> Vec<Named> {
        if !self.begins_path(at) {
            return Vec::new();
        }
        match self.words[at].text.as_str() {
            "crate" | "orgpull" if self.is(at + 1, "::") => self.leaves(at + 2, &[]),
            "self" if self.is(at + 1, "::") => self.leaves(at + 2, modules),
            "super" if self.is(at + 1, "::") => {
                let supers = (at..self.words.len()).step_by(2).take_while(|at| self.is(*at, "super")).count();
                // The first of them leave the modules that are open within the file.
                let climbed = supers.saturating_sub(self.words[at].inline);
                self.leaves(at + 2 * supers, &modules[..modules.len().saturating_sub(climbed)])
            }
            _ => Vec::new(),
        }
    }

    /// The same of a path that begins with the name of a module below this file's own.
    pub(crate) fn of_child(
        &self,
        at: usize,
        modules: &[String],
        is_child: impl Fn(&str) -> bool,
    ) -> Vec<Named> {
        let word = &self.words[at];
        let is_path = self.is(at + 1, "::") && word.inline == 0 && self.begins_path(at);
        if is_path && is_child(&word.text) { self.leaves(at, modules) } else { Vec::new() }
    }

    /// Whether a word stands in an item that begins with `use`, and whether that item hands its names on (`pub use`).
    pub(crate) fn used_at(&self, at: usize) -> Option<bool> {
        let ends = |word: &Word| matches!(word.text.as_str(), ";" | "}");
        let begins = |back: &usize| self.is(*back, "use");
        let first = (0..at)
            .rev()
            .take_while(|back| !ends(&self.words[*back]) || self.is(back + 1, ","))
            .find(begins)?;
        Some(self.is(first.wrapping_sub(1), "pub") || self.is(first.wrapping_sub(1), ")"))
    }

    fn begins_path(&self, at: usize) -> bool {
        // `pub(in …)` says who may look, and looks at nothing.
        let visibility = self.is(at.wrapping_sub(1), "in") && self.is(at.wrapping_sub(2), "(");
        !visibility && ["::", "$", "."].iter().all(|before| !self.is(at.wrapping_sub(1), before))
    }

    /// The paths of a tree of imports.
    fn leaves(&self, at: usize, before: &[String]) -> Vec<Named> {
        let Some(word) = self.words.get(at) else { return Vec::new() };
        if word.text == "{" {
            let end = self.item_end(at);
            let mut depth = 0_usize;
            let mut leaves = Vec::new();
            for inner in at..end {
                let begins = self.is(inner, "{") || self.is(inner, ",");
                depth = depth + usize::from(self.is(inner, "{")) - usize::from(self.is(inner, "}"));
                if begins && depth == 1 && !self.is(inner + 1, "}") {
                    leaves.extend(self.leaves(inner + 1, before));
                }
            }
            return leaves;
        }
        let mut path = before.to_vec();
        if word.text != "self" {
            path.push(word.text.clone());
        }
        if !self.is(at + 1, "::") || self.is(at + 2, "<") {
            let alias = self.is(at + 1, "as").then(|| self.words[at + 2].text.clone());
            let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
            return vec![Named { path, name }];
        }
        self.leaves(at + 2, &path)
    }
}

/// What a path names.
pub(crate) struct Named {
    /// From the crate.
    pub(crate) path: Vec<String>,
    /// What it is called where it is named: its last name, or the one after `as`.
    pub(crate) name: String,
}

/// The words and signs of a text, without strings, characters and comments.
fn words(text: &str) -> Vec<Word> {
    let chars: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let end = skipped(&chars, at).unwrap_or_else(|| {
            let end = word_end(&chars, at);
            if !chars[at].is_whitespace() {
                let text = chars[at..end].iter().collect();
                words.push(Word { text, line, inline: 0, test: false });
            }
            end
        });
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    words
}

fn word_end(chars: &[char], at: usize) -> usize {
    let belongs = |c: &char| c.is_alphanumeric() || *c == '_';
    let length = chars[at..].iter().take_while(|c| belongs(c)).count();
    match length {
        0 if chars[at..].starts_with(&[':', ':']) => at + 2,
        0 => at + 1,
        length => at + length,
    }
}

/// Past the comment, the string or the character that begins here.
fn skipped(chars: &[char], at: usize) -> Option<usize> {
    let rest = &chars[at..];
    let past = |from: usize, end: &[char]| {
        let found = rest[from..].windows(end.len()).position(|window| window == end);
        at + found.map_or(rest.len(), |found| from + found + end.len())
    };
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match rest {
        ['/', '/', ..] => Some(past(2, &['\n'])),
        ['/', '*', ..] => Some(past(2, &['*', '/'])),
        ['"', ..] => Some(at + string_end(rest)),
        ['b', '"', ..] if !in_word => Some(at + 1 + string_end(&rest[1..])),
        ['r', '"' | '#', ..] if !in_word => raw_end(rest).map(|length| at + length),
        ['b', 'r', '"' | '#', ..] if !in_word => raw_end(&rest[1..]).map(|length| at + 1 + length),
        ['\'', '\\', ..] => Some(past(3, &['\''])),
        ['\'', _, '\'', ..] => Some(at + 3),
        _ => None,
    }
}

fn string_end(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// The length of `r"…"` or `r#"…"#`; `None` if it is a raw word such as `r#do`.
fn raw_end(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let from = 2 + hashes;
    let found = rest[from..].windows(end.len()).position(|window| window == end);
    Some(found.map_or(rest.len(), |found| from + found + end.len()))
}
