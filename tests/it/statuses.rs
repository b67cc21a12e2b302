//! What an answer that is no report means for its lookup, its money, its attempts, its account and its service: one table of
//! status × what is in it × whether the service has answered before. How each dialect reads them is `upstream::table`.

use super::world::{CSV, REPORT, World, companies, numbers, side_by_side};

/// `before` and `after` the service's first answer in the run: exit, then the lookup as `outcome/code attempts cost`, then
/// logins. `five` in a row, after the first answer: exit, and what is told.
const TABLE: &str = "
    what the call gets          | before                    | after                     | five
    do='html' status=200        | 4 unknown/page 1 3.20 1   | 4 unknown/page 1 3.20 1   | 4 is not answering
    do='redirect' status=301    | 3 pending 1 0.00 1        | 0 hit 2 3.20 1            | 3 is stopped (301)
    do='redirect' status=302    | 3 pending 1 0.00 1        | 0 hit 2 3.20 1            | 3 is stopped (302)
    do='html' status=400        | 3 pending 1 0.00 1        | 0 hit 2 3.20 1            | 3 is stopped (400)
    do='status' status=400      | 3 pending 1 0.00 1        | 0 hit 2 3.20 1            | 3 is stopped (400)
    do='html' status=401        | 0 hit 2 3.20 2            | 0 hit 2 3.20 2            | 5 refuses fresh tokens
    do='status' status=401      | 0 hit 2 3.20 2            | 0 hit 2 3.20 2            | 5 refuses fresh tokens
    do='html' status=403        | 3 pending 1 0.00 1        | 0 hit 2 3.20 1            | 3 is stopped (403)
    do='error' code='R4' status=403  | 0 hit 2 3.20 2       | 0 hit 2 3.20 2            | 5 refuses fresh tokens
    do='error' code='7' status=403   | 3 pending 1 0.00 1   | 3 pending 1 0.00 1        | 3 is stopped (7)
    do='error' code='N1' status=403  | 0 denied/N1 1 3.20 1 | 0 denied/N1 1 3.20 1      | 0
    do='html' status=404        | 3 pending 1 0.00 1        | 0 hit 2 3.20 1            | 3 is stopped (404)
    do='error' code='15' status=404  | 0 no_hit/15 1 3.20 1 | 0 no_hit/15 1 3.20 1      | 0
    do='error' code='16' status=404  | 3 pending 1 3.20 1   | 3 pending 1 3.20 1        | 3 is stopped (16)
    do='html' status=405        | 3 pending 1 0.00 1        | 0 hit 2 3.20 1            | 3 is stopped (405)
    do='html' status=429 retry_after='1s' | 0 hit 2 3.20 1  | 0 hit 2 3.20 1            | 0 answers 429
    do='status' status=451      | 3 pending 1 0.00 1        | 0 hit 2 3.20 1            | 3 is stopped (451)
    do='html' status=500        | 4 unknown/500 1 3.20 1    | 4 unknown/500 1 3.20 1    | 4 is not answering
    do='status' status=502      | 4 unknown/502 1 3.20 1    | 4 unknown/502 1 3.20 1    | 4 is not answering
    do='html' status=503        | 0 hit 2 3.20 1            | 0 hit 2 3.20 1            | 0 is not answering
    do='status' status=504      | 4 unknown/504 1 3.20 1    | 4 unknown/504 1 3.20 1    | 4 is not answering
";

#[derive(Clone, Copy)]
enum When {
    Before,
    After,
    Five,
}

struct Case {
    fault: &'static str,
    when: When,
    expected: &'static str,
}

#[test]
fn every_status_before_and_after_the_first_answer_and_five_in_a_row() {
    let rows = TABLE.lines().filter(|line| line.contains("do='"));
    let cases: Vec<Case> = rows
        .flat_map(|row| {
            let cells: Vec<&'static str> = row.split('|').map(str::trim).collect();
            let fault = cells[0];
            [(When::Before, 1), (When::After, 2), (When::Five, 3)].map(|(when, at)| Case {
                fault,
                when,
                expected: cells[at],
            })
        })
        .collect();
    assert_eq!(cases.len(), 63);
    side_by_side(&cases, Case::hold);
}

impl Case {
    fn hold(&self) {
        let (after, times, rows) = match self.when {
            When::Before => (0, 1, 2),
            When::After => (1, 1, 2),
            When::Five => (1, 5, 8),
        };
        let fault = self.fault.replace(' ', "\n");
        let world = World::new(&format!("[[fault]]\n{fault}\nafter = {after}\ntimes = {times}\n"));
        world.job("job", &[&numbers(&companies(rows)), REPORT, CSV]);
        let ran = world.run(&[]);
        let what = format!("{} {}\n{}", self.fault, self.expected, ran.stderr);
        let came = if matches!(self.when, When::Five) {
            let (exit, words) = self.expected.split_once(' ').unwrap_or((self.expected, ""));
            assert!(ran.said().contains(words), "{what}");
            assert_eq!(ran.exit.to_string(), exit, "{what}");
            return;
        } else {
            let row = world.exported("job")[after].replace(" bought", "");
            format!("{} {row} {}", ran.exit, world.logins().len())
        };
        assert_eq!(came, self.expected, "{what}");
    }
}
