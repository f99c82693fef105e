//! Whatever a text holds, reading ends in a config that can work or in an error that says where and what would be valid.

use crate::options::RocksDbConfig;
use gress_core::ErrorKind;
use gress_state::testing::Random;

/// How many texts are made.
const TEXTS: u64 = 10_000;

/// A job's file with every option and most of YAML's forms.
fn valid() -> String {
    let beginning =
        "# A job.\nname: trips\nbatch: {size: 1000}\nstate:\n  backend: 'rocksdb'\n  memory: \"4GB\"\n  rocksdb:\n";
    let options = RocksDbConfig::low_latency("/var/lib/trips").settings();
    options.iter().fold(beginning.to_owned(), |text, (key, value)| text + &format!("    {key}: {value}\n"))
}

/// What a slip, an attack or another program may leave in a text.
const PIECES: [&str; 34] = [
    "[",
    "]",
    "{",
    "}",
    ": ",
    "- ",
    "\n",
    "\t",
    "  ",
    "&a ",
    "*a",
    "!!int ",
    "? ",
    "| \n",
    "> \n",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "'",
    "\"",
    "\\",
    "#",
    "~",
    "null",
    "<<: ",
    "\u{feff}",
    "-99999999999999999999",
    ".inf",
    "\u{85}",
    "\0",
    "\u{1b}",
    "\u{2028}",
    "\"\\n\\e\\0\"",
    "99999999999999999999GiB",
];

/// Changes a text somewhere.
fn mutate(text: &mut String, random: &mut Random) {
    let at = place(text, random);
    match random.below(7) {
        0 => {
            let end = (at + 1 + random.below(40)).min(text.len());
            let end = boundary(text, end);
            text.drain(at..end);
        }
        1 | 2 => text.insert_str(at, PIECES[random.below(PIECES.len())]),
        3 => text.insert(at, char::from_u32(random.below(0x3000) as u32).unwrap_or('\u{fffd}')),
        4 => text.truncate(at),
        _ => change_lines(text, random),
    }
}

fn place(text: &str, random: &mut Random) -> usize {
    boundary(text, random.below(text.len() + 1))
}

/// The first place from `at` on at which no character is cut.
fn boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

fn change_lines(text: &mut String, random: &mut Random) {
    let mut lines: Vec<_> = text.split('\n').map(str::to_owned).collect();
    let (at, to) = (random.below(lines.len()), random.below(lines.len()));
    match random.below(3) {
        0 => lines.insert(to, lines[at].clone()),
        1 => lines[at].insert_str(0, &"  ".repeat(1 + random.below(3))),
        _ => {
            if let Some(colon) = lines[at].find(':') {
                lines[at].truncate(colon + 1);
                lines[at].extend([" ", PIECES[random.below(PIECES.len())], PIECES[random.below(PIECES.len())]]);
            }
        }
    }
    *text = lines.join("\n");
}

/// An error is read by people.
const PROBLEM_CHARS_MAX: usize = 600;
const PROBLEMS_MAX: usize = 50;

/// How an error says what is to be done.
const ADVICE: [&str; 8] = [
    "valid ",
    "must ",
    "did you mean",
    "is neither `true` nor `false`",
    "is not a whole number from",
    "write ",
    "no YAML",
    "set ",
];

/// Reads `text`, and holds the outcome to what is promised for any text.
fn read(text: &str) -> bool {
    let error = match RocksDbConfig::from_yaml(text) {
        Ok(config) => {
            config.validate().expect("what was read is valid");
            return true;
        }
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::Config);
    let sentence = error.to_string();
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    assert!(!sentence.contains(breaks), "one line: {sentence:?}");
    assert!(sentence.chars().count() < PROBLEM_CHARS_MAX * PROBLEMS_MAX, "{} characters", sentence.chars().count());
    let names_a_key = |problem: &str| RocksDbConfig::KEYS.iter().any(|key| problem.contains(key));
    assert!(sentence.contains("line ") || names_a_key(&sentence), "where: {sentence}");
    assert!(ADVICE.iter().any(|advice| sentence.contains(advice)), "what would be valid: {sentence}");
    false
}

#[test]
fn the_text_that_mutations_begin_with_is_valid() {
    assert!(read(&valid()));
}

#[test]
fn ten_thousand_mutated_texts_are_read_or_refused_with_place_and_advice() {
    let valid = valid();
    let (mut taken, mut refused) = (0, 0);
    for seed in 0..TEXTS {
        let (mut text, random) = (valid.clone(), &mut Random::new(seed));
        (0..1 + random.below(4)).for_each(|_| mutate(&mut text, random));
        match read(&text) {
            true => taken += 1,
            false => refused += 1,
        }
    }
    assert!(taken > 300 && refused > 3_000, "both happen: {taken} and {refused}");
}

#[test]
fn bombs_are_refused_in_a_sentence() {
    let many = |piece: &str, times: usize| piece.repeat(times);
    let bombs = [
        (0..40_000).map(|n| format!("key{n}: 1\n")).collect(),
        (0..20_000).map(|n| format!("k{n}.{n}: {{a: 1}}\n")).collect(),
        many("[", 1 << 20),
        many("- ", 1 << 19),
        format!("path: {}", many("{a: ", 200_000)),
        format!("block_size: {}", many("x", 1_000_000)),
        format!("{}: 1", many("x", 1_000)),
        format!("? {}\n: 1\n", many("x", 1_000_000)),
        format!("block_size: {}", many("!", 1_000_000)),
        format!("block_size: '{}'", many("\n", 1_000_000)),
        many("&a ", 300_000),
        many(" ", (1 << 20) + 1),
    ];
    for bomb in bombs {
        assert!(!read(&bomb), "{}", bomb.chars().take(20).collect::<String>());
    }
}
