//! The word that was meant, where another one was written.

/// The least likeness (Jaro-Winkler, 1 is the same) of two words that begin alike and are one another by mistake.
const ALIKE: f64 = 0.85;

/// The known word that was most likely meant: at most a third of its letters wrong, else the only one that begins or ends as
/// it does, else the one that it is most like.
pub fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let (lower, known) = (word.to_lowercase(), lowered(known));
    if let Some(near) = misspelt(&lower, &known) {
        return Some(near);
    }
    let mut parts = known.iter().filter(|(near, _)| is_part(&lower, near) || is_part(near, &lower));
    match (parts.next(), parts.next()) {
        (Some((_, only)), None) => Some(only),
        (Some(_), Some(_)) => None,
        (None, _) => most_like(&lower, &known),
    }
}

/// The same of words that say more than their spelling, such as the cells of a first line that may be no header: one of them
/// is shown only where it is what was written, all but some letters.
pub fn alike<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let (lower, known) = (word.to_lowercase(), lowered(known));
    misspelt(&lower, &known).or_else(|| most_like(&lower, &known))
}

fn lowered<'w>(known: impl IntoIterator<Item = &'w str>) -> Vec<(String, &'w str)> {
    known.into_iter().map(|near| (near.to_lowercase(), near)).collect()
}

fn misspelt<'w>(lower: &str, known: &[(String, &'w str)]) -> Option<&'w str> {
    let allowed = |near: &str| (near.chars().count().max(lower.chars().count()) / 3).max(1);
    let distances =
        known.iter().map(|(near, known)| (strsim::damerau_levenshtein(lower, near), near, *known));
    let near = distances.filter(|(distance, near, _)| *distance <= allowed(near));
    near.min_by_key(|(distance, ..)| *distance).map(|(.., known)| known)
}

fn most_like<'w>(lower: &str, known: &[(String, &'w str)]) -> Option<&'w str> {
    let alike = known.iter().map(|(near, known)| (strsim::jaro_winkler(lower, near), *known));
    let near = alike.filter(|(likeness, _)| *likeness >= ALIKE);
    near.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, known)| known)
}

/// Whether a word, and not just a letter or two, begins or ends another.
fn is_part(part: &str, whole: &str) -> bool {
    part.chars().count() > 2 && (whole.starts_with(part) || whole.ends_with(part))
}

/// The remedy for an unknown word: the nearest known one, else all of them.
pub fn suggestion<'w>(word: &str, known: impl IntoIterator<Item = &'w str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => known_here(known),
    }
}

/// The words that there are, where none of them comes near.
pub fn known_here<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    format!("known here: {}", quoted(words))
}

fn quoted<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| format!("`{word}`")).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_was_meant() {
        let keys = ["database", "max_calls", "max_cost", "companyName", "senast", "orgnr"];
        for (word, near) in [
            ("databse", Some("database")),
            ("calls", Some("max_calls")),
            ("cost", Some("max_cost")),
            ("company", Some("companyName")),
            ("companyName2026", Some("companyName")),
            ("Name", Some("companyName")),
            ("sedna", Some("senast")),
            ("senaste_datum", Some("senast")),
            // Several begin so.
            ("max", None),
            ("max_", None),
            ("ma", None),
            ("", None),
            ("quite another", None),
        ] {
            assert_eq!(nearest(word, keys), near, "{word}");
        }
        assert_eq!(nearest("cost", ["max_cost", "cost"]), Some("cost"));
    }
}
