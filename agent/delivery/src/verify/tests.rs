use std::convert::Infallible;
use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;
use crate::Digest;
use crate::fields::Selection;
use crate::ledger::{Entry, Event, NO_VALUES};
use crate::pin::{CopiedFields, Hold, Strategy};
use crate::promotion::Resolved;
use crate::trailers::{self, PromotionResult};

fn id(name: &str) -> String {
    format!("{name:0<40}")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// `dev` follows the branch; `staging` and `prod` have pins. An hour lies between two commits.
#[derive(Default)]
struct Scene {
    commits: Vec<Commit>,
    pins: BTreeMap<String, Pin>,
    ledgers: BTreeMap<String, Ledger>,
    incomplete: bool,
    /// The commits that a trusted key signed; all others are none when signatures count.
    signed: Option<Vec<String>>,
}

impl History for Scene {
    type Error = Infallible;

    fn resolve(&self, _: &str) -> Result<Resolved, Infallible> {
        Ok(Resolved::Unknown)
    }

    fn is_ancestor(&self, ancestor: &str, descendant: &str) -> Result<bool, Infallible> {
        let place = |wanted: &str| self.commits.iter().position(|commit| commit.id == wanted);
        Ok(place(ancestor).zip(place(descendant)).is_some_and(|(older, newer)| older <= newer))
    }

    fn signed(&self, commit: &str) -> Result<Signed, Infallible> {
        let signed = self.signed.iter().flatten().any(|signed| signed == commit);
        Ok(if signed { Signed::By(vec!["plumb".into()]) } else { Signed::Not })
    }
}

impl Scene {
    fn now(&self) -> i64 {
        i64::try_from(self.commits.len()).unwrap() * 3_600
    }

    fn commit(mut self, name: &str, message: &str) -> Self {
        let message = if message.contains("\n\n") { message.to_owned() } else { format!("{name}\n\n{message}\n") };
        let time = at(self.now());
        self.commits.push(Commit { id: id(name), message, author: "Ada".into(), time, pins: Vec::new(), others: 0 });
        self
    }

    /// Moves the pin of an environment in the last commit.
    fn moves(mut self, environment: &str, pin: Pin) -> Self {
        let before = self.pins.insert(environment.to_owned(), pin.clone()).map(Ok);
        let path = format!("overlays/{environment}/promoted.yaml");
        let copied = pin.fields.as_ref().map(|_| Ok(Difference::default()));
        let moved = PinChange { path, before, after: Some(Ok(pin)), overlay: Vec::new(), copied };
        self.commits.last_mut().unwrap().pins.push(moved);
        self
    }

    fn promote(self, name: &str, to: &str, from: &str, revision: &str, request: &str) -> Self {
        self.promote_as(name, to, from, revision, request, |_, _| {})
    }

    fn promote_as(
        self,
        name: &str,
        to: &str,
        from: &str,
        revision: &str,
        request: &str,
        change: impl FnOnce(&mut PromotionResult, &mut Pin),
    ) -> Self {
        let mut result = PromotionResult {
            to: to.into(),
            from: vec![from.into()],
            revision: id(revision),
            rolled_back_from: None,
            released: false,
            request: Some(id(request)),
            gates: vec![("hold".into(), "pass".into()), (format!("upstream/{from}"), "pass".into())],
        };
        let mut pin = Pin { from: vec![from.into()], requested_by: Some(id(request)), ..Pin::new(id(revision)) };
        change(&mut result, &mut pin);
        self.commit(name, &trailers::message(&result)).moves(to, pin)
    }

    /// Runs a revision after the last commit.
    fn runs(mut self, environment: &str, revision: &str, events: &[Event]) -> Self {
        let now = at(self.now()) - SignedDuration::from_secs(1_800);
        let lines = &mut self.ledgers.entry(environment.to_owned()).or_default().lines;
        for event in [Event::Applied].iter().chain(events) {
            let count = i64::try_from(lines.len()).unwrap();
            let mut entry = Entry::new(now + SignedDuration::from_millis(count), *event);
            entry.path = Some(format!("overlays/{environment}"));
            entry.digest = Some(Digest::of(revision.as_bytes()));
            entry.agent = Some("0.1.0".into());
            lines.push((id(revision), entry));
        }
        self.written(environment, 1 + events.len())
    }

    /// A commit of notes that wrote the last lines of a ledger, right when they say.
    fn written(mut self, environment: &str, lines: usize) -> Self {
        let ledger = self.ledgers.get_mut(environment).unwrap();
        let added = ledger.lines[ledger.lines.len() - lines..].to_vec();
        let (id, time) = (id(&format!("e{}", ledger.commits.len())), added.last().unwrap().1.time);
        ledger.commits.push(NoteCommit { id, time, added, lost: BTreeMap::new() });
        self
    }

    /// Adds a line to the note of staging on a revision, as somebody does by hand.
    fn forges(mut self, revision: &str, event: Event, time: Timestamp, change: impl FnOnce(&mut Entry)) -> Self {
        let now = at(self.now());
        let mut entry = Entry { agent: Some("0.1.0".into()), ..Entry::new(time, event) };
        change(&mut entry);
        let ledger = self.ledgers.get_mut("staging").unwrap();
        ledger.lines.push((id(revision), entry.clone()));
        ledger.lines.sort_by_key(|(_, entry)| entry.time);
        let added = vec![(id(revision), entry)];
        ledger.commits.push(NoteCommit { id: id("ef"), time: now, added, lost: BTreeMap::new() });
        self
    }

    /// All that an environment ran had the values of a revision.
    fn values(mut self, environment: &str, revision: &str) -> Self {
        let ledger = self.ledgers.get_mut(environment).unwrap();
        let written = ledger.commits.iter_mut().flat_map(|commit| &mut commit.added);
        for (_, entry) in ledger.lines.iter_mut().chain(written).filter(|(_, entry)| entry.event == Event::Applied) {
            entry.promoted = Some(if revision == NO_VALUES { NO_VALUES.into() } else { id(revision) });
        }
        self
    }

    fn change(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    #[allow(clippy::needless_pass_by_value, reason = "as `expect!` is written")]
    fn check(self, expected: Expect) {
        let (complete, signed) = (!self.incomplete, self.signed.is_some());
        let input = Input { commits: &self.commits, complete, ledgers: &self.ledgers, signed };
        let Ok(report) = verify(&input, &self);
        let mut text = String::new();
        for finding in &report.findings {
            writeln!(text, "{:?}: {finding}", finding.severity).unwrap();
        }
        expected.assert_eq(&text);
    }
}

/// Up to a promotion to staging that is as it should be.
fn honest() -> Scene {
    Scene::default()
        .commit("c1", "one")
        .runs("dev", "c1", &[Event::Healthy])
        .commit("c2", "two\n\nPromote-To: staging\n")
        .runs("dev", "c2", &[Event::Healthy])
        .promote("c3", "staging", "dev", "c2", "c2")
        .runs("staging", "c2", &[Event::Healthy])
}

#[test]
fn nothing_is_wrong_with_the_truth() {
    honest().check(expect![""]);
    let scene = honest().commit("c4", "ask\n\nPromote-To: prod\nPromote-Revision: c200000\n");
    let scene = scene.promote("c5", "prod", "staging", "c2", "c4").runs("prod", "c2", &[Event::Healthy]);
    let scene = scene.commit("c6", "six\n\nPromote-To: staging\n").runs("dev", "c6", &[Event::Healthy]);
    let scene = scene.promote("c7", "staging", "dev", "c6", "c6").runs("staging", "c6", &[Event::Degraded]);
    let scene = scene.commit("c8", "back\n\nRollback-Of: staging\n").promote_as(
        "c9",
        "staging",
        "dev",
        "c2",
        "c8",
        |result, pin| {
            result.rolled_back_from = Some(id("c6"));
            pin.rollback_of = Some(id("c6"));
            pin.hold = Some(Hold { reason: "c6".into() });
        },
    );
    let scene = scene.runs("staging", "c2", &[Event::Healthy]);
    let scene = scene.commit("ca", "on\n\nRelease-Hold: staging\n").promote_as(
        "cb",
        "staging",
        "dev",
        "c2",
        "ca",
        |result, _| {
            result.released = true;
        },
    );
    scene.check(expect![""]);
}

#[test]
fn what_a_person_did_is_told() {
    honest().commit("c4", "by hand").moves("staging", Pin::new(id("c1"))).runs("staging", "c1", &[]).check(expect![[
        r#"
        Notice: c40000000000 staging: by-hand: Ada moved the pin to c10000000000; no request asked for it
    "#
    ]]);
    honest().commit("c4", "by hand").moves("staging", Pin::new(id("f1"))).check(expect![[r#"
        Notice: c40000000000 staging: by-hand: Ada moved the pin to f10000000000; no request asked for it
        Problem: c40000000000 staging: not-on-branch: its pin names f10000000000, which does not come before it on the branch
        Notice: f10000000000 staging: behind: the pin names it, and by its ledger staging still runs c20000000000
    "#]]);
    honest()
        .commit("c4", "by hand")
        .change(|scene| {
            let path = "overlays/staging/promoted.yaml".into();
            let (gone, broken) = (
                PinChange { path, before: None, after: None, overlay: Vec::new(), copied: None },
                Some(Err("no YAML".into())),
            );
            scene.commits[3].pins = vec![PinChange { after: broken, ..gone.clone() }, gone];
        })
        .check(expect![[r#"
            Problem: c40000000000 staging: broken-pin: its pin can't be read: no YAML
            Notice: c40000000000 staging: by-hand: Ada took the pin away; no request asked for it
        "#]]);
}

#[test]
fn promotion_commits_that_lie() {
    let forged = |change: fn(&mut PromotionResult, &mut Pin)| {
        let scene = honest().commit("c4", "ask\n\nPromote-To: prod\nPromote-Revision: c200000\n");
        scene.promote_as("c5", "prod", "staging", "c2", "c4", change).runs("prod", "c2", &[])
    };
    forged(|_, pin| pin.revision = id("c1")).runs("prod", "c1", &[]).check(expect![[r#"
        Problem: c50000000000 prod: forged: its message and its pin name another revision
        Problem: c20000000000 prod: unpinned: its note says that it ran, and no pin ever named it
    "#]]);
    forged(|result, _| result.request = Some(id("c1"))).check(expect![[r#"
        Problem: c50000000000 prod: forged: its message and its pin name another request
        Problem: c50000000000 prod: forged: c10000000000 did not ask for it
    "#]]);
    forged(|result, pin| (result.request, pin.requested_by) = (Some(id("f1")), Some(id("f1")))).check(expect![[r#"
        Problem: c50000000000 prod: forged: it names f10000000000 as its request, which is no commit of the branch before it
    "#]]);
    forged(|result, pin| (result.revision, pin.revision) = (id("c1"), id("c1"))).runs("prod", "c1", &[]).check(
        expect![[r#"
            Problem: c50000000000 prod: forged: c40000000000 asked for something else
            Notice: c50000000000 prod: unproven: staging never ran c10000000000; it may render to what ran there
            Problem: c20000000000 prod: unpinned: its note says that it ran, and no pin ever named it
        "#]],
    );
    forged(|result, _| result.gates[1].1 = "wait".into()).check(expect![[r#"
        Problem: c50000000000 prod: skipped: the gate upstream/staging says wait
    "#]]);
    forged(|result, _| result.gates.truncate(1)).check(expect![[r#"
        Problem: c50000000000 prod: skipped: the gate upstream/staging was not asked
    "#]]);
    forged(|result, pin| (result.from, pin.from) = (vec![], vec![])).check(expect![[r#"
        Problem: c50000000000 prod: skipped: no environment proved the revision
    "#]]);
    forged(|result, _| result.rolled_back_from = Some(id("c1"))).check(expect![[r#"
        Problem: c50000000000 prod: forged: its message and its pin name another rollback
        Problem: c50000000000 prod: forged: c40000000000 asked for something else
        Problem: c50000000000 prod: forged: it says that it rolls back, and there was no pin before
    "#]]);
    forged(|_, _| {}).change(|scene| scene.commits[4].others = 2).check(expect![[r#"
        Problem: c50000000000 prod: forged: a promotion commit moves a pin and nothing else; this one changes 2 other files
    "#]]);
    forged(|_, _| {}).change(|scene| scene.commits[4].pins.clear()).check(expect![[r#"
        Problem: c50000000000 prod: forged: it says that it promotes, and moves no pin
    "#]]);
    forged(|_, _| {}).promote("c6", "prod", "staging", "c2", "c4").check(expect![[r#"
        Problem: c60000000000 prod: replayed: c40000000000 was answered by c50000000000 already
    "#]]);
    honest().commit("c4", "t\n\nPromoted-To: prod\n").check(expect![[r#"
        Problem: c40000000000 : unreadable: its trailers can't be read: `Promoted-To` needs `Promoted-Revision` beside it
    "#]]);
}

#[test]
fn pull_requests_that_somebody_merged() {
    let asked = || honest().commit("c4", "ask\n\nPromote-To: prod\nPromote-Revision: c200000\n");
    let pin =
        |request: &str| Pin { from: vec!["staging".into()], requested_by: Some(id(request)), ..Pin::new(id("c2")) };
    let said = |scene: Scene, gates: &[(&str, &str)]| {
        scene.runs("prod", "c2", &[]).change(|scene| {
            let (_, entry) = scene.ledgers.get_mut("prod").unwrap().lines.last_mut().unwrap();
            entry.request = Some(id("c4"));
            entry.gates = gates.iter().map(|(name, said)| ((*name).to_owned(), (*said).to_owned())).collect();
        })
    };
    let merged = || asked().commit("c5", "Merge pull request #1").moves("prod", pin("c4"));
    said(merged(), &[("hold", "pass"), ("upstream/staging", "pass")]).check(expect![""]);
    said(merged(), &[("upstream/staging", "pass"), ("window", "wait")]).check(expect![[r#"
        Notice: c50000000000 prod: by-hand: Ada merged it while the gate window said wait
    "#]]);
    said(merged(), &[]).check(expect![[r#"
        Notice: c50000000000 prod: unproven: no promotion commit and no ledger tells what its gates said when it was merged
    "#]]);
    said(merged(), &[("hold", "pass")]).check(expect![[r#"
        Problem: c50000000000 prod: skipped: the gate upstream/staging was not asked
    "#]]);
    // The commit of the pull request names the gates that were open when it was made; the ledger tells of the others.
    let squashed = asked().promote_as("c5", "prod", "staging", "c2", "c4", |result, _| result.gates.truncate(1));
    said(squashed, &[("upstream/staging", "pass")]).check(expect![""]);
    // Nobody asked for it, so it is somebody's own hand.
    said(asked().commit("c5", "Merge pull request #1").moves("prod", pin("c1")), &[]).check(expect![[r#"
        Notice: c50000000000 prod: by-hand: Ada moved the pin to c20000000000; no request asked for it
    "#]]);
}

#[test]
fn what_a_label_asked_for() {
    let scene = Scene::default().commit("c1", "one").runs("dev", "c1", &[Event::Healthy]);
    scene.promote("c2", "staging", "dev", "c1", "c1").runs("staging", "c1", &[]).check(expect![[r#"
        Notice: c20000000000 staging: unproven: nothing in git asks for it in c10000000000; a label of its pull request may have
    "#]]);
}

#[test]
fn gates_that_the_ledgers_do_not_bear_out() {
    let scene = |events: &[Event]| {
        let scene = Scene::default().commit("c1", "one").runs("dev", "c1", &[Event::Healthy]);
        scene.commit("c2", "two\n\nPromote-To: staging\n").runs("dev", "c2", events)
    };
    let promoted = |scene: Scene| scene.promote("c3", "staging", "dev", "c2", "c2").runs("staging", "c2", &[]);
    promoted(scene(&[])).check(expect![[r#"
        Problem: c30000000000 staging: skipped: by its ledger, dev was not healthy at c20000000000
    "#]]);
    promoted(scene(&[Event::Healthy, Event::Degraded])).check(expect![[r#"
        Problem: c30000000000 staging: skipped: by its ledger, dev was not healthy at c20000000000
    "#]]);
    promoted(scene(&[Event::Healthy]).change(|scene| drop(scene.ledgers.remove("dev")))).check(expect![[r#"
        Notice: c30000000000 staging: unproven: dev has no ledger of that time, so nothing shows that it was healthy there
    "#]]);
    promoted(scene(&[]).change(|scene| scene.ledgers.get_mut("dev").unwrap().lines.truncate(2))).check(expect![[r#"
        Notice: c30000000000 staging: unproven: dev never ran c20000000000; it may render to what ran there
    "#]]);
    // What became healthy only afterwards proves nothing.
    promoted(scene(&[])).runs("dev", "c2", &[Event::Healthy]).check(expect![[r#"
        Problem: c30000000000 staging: skipped: by its ledger, dev was not healthy at c20000000000
    "#]]);
}

#[test]
fn going_back_without_a_rollback_and_out_of_a_hold() {
    let scene = honest().commit("c4", "back\n\nPromote-To: staging\nPromote-Revision: c100000\n");
    scene.promote("c5", "staging", "dev", "c1", "c4").runs("staging", "c1", &[]).check(expect![[r#"
        Problem: c50000000000 staging: downgrade: it goes back from c20000000000 to the older c10000000000 without being a rollback
    "#]]);
    let held = honest()
        .commit("c4", "hold")
        .moves("staging", Pin { hold: Some(Hold { reason: "freeze".into() }), ..Pin::new(id("c2")) });
    let scene = held.commit("c5", "on\n\nPromote-To: staging\n").runs("dev", "c5", &[Event::Healthy]);
    scene.promote("c6", "staging", "dev", "c5", "c5").runs("staging", "c5", &[]).check(expect![[r#"
        Notice: c40000000000 staging: by-hand: Ada moved the pin to c20000000000; no request asked for it
        Problem: c60000000000 staging: skipped: the environment was held: freeze
    "#]]);
}

#[test]
fn ledgers_that_lie() {
    honest().runs("staging", "c1", &[Event::Healthy]).check(expect![[r#"
        Problem: c10000000000 staging: unpinned: its note says that it ran, and no pin ever named it
        Notice: c20000000000 staging: behind: the pin names it, and by its ledger staging still runs c10000000000
    "#]]);
    honest().runs("dev", "f1", &[Event::Healthy]).check(expect![[r#"
        Problem: f10000000000 dev: not-on-branch: its note says that it ran, and it is not on the branch: the note is forged, or the branch was rewritten
    "#]]);
    let lost = |scene: &mut Scene| {
        scene.ledgers.get_mut("dev").unwrap().commits[1].lost = BTreeMap::from([(id("c2"), 2)]);
    };
    honest().change(lost).check(expect![[r#"
        Problem: e10000000000 dev: rewritten: 2 lines of the note on c20000000000 were taken away
    "#]]);
    let twice = honest().change(|scene| {
        let lines = &mut scene.ledgers.get_mut("dev").unwrap().lines;
        let line = lines[0].clone();
        lines.push((id("c2"), line.1));
    });
    twice.check(expect![[r#"
        Problem: c20000000000 dev: two-writers: two lines of the ledger have the time 2027-01-15T08:30:00Z: more than one agent writes it
        Problem: c20000000000 dev: forged: the line `2027-01-15T08:30:00Z applied` tells of a time before the revision was made, at 2027-01-15T09:00:00Z
    "#]]);
}

#[test]
fn lines_that_somebody_forged() {
    // By hand, on a revision that did run there, at a time when it had not been made.
    honest().forges("c2", Event::Applied, at(-10_000), |entry| entry.agent = None).check(expect![[r#"
        Problem: ef0000000000 staging: out-of-order: the line `2027-01-15T05:13:20Z applied` of the note on c20000000000 was written after one of 2027-01-15T10:30:00.001Z
        Problem: c20000000000 staging: foreign: the line `2027-01-15T05:13:20Z applied` names no version of Plumb, which each line has that Plumb wrote
        Problem: c20000000000 staging: forged: the line `2027-01-15T05:13:20Z applied` tells of a time before the revision was made, at 2027-01-15T09:00:00Z
    "#]]);
    // Of a time between two lines that are there.
    let between = at(3 * 3_600 - 1_800) + SignedDuration::from_micros(500);
    honest().forges("c2", Event::Degraded, between, |_| {}).check(expect![[r#"
        Problem: ef0000000000 staging: out-of-order: the line `2027-01-15T10:30:00.0005Z degraded` of the note on c20000000000 was written after one of 2027-01-15T10:30:00.001Z
    "#]]);
    // Of the future, and of a revision that did not run at that time.
    honest().forges("c2", Event::Progressing, at(1_000_000), |_| {}).check(expect![[r#"
        Problem: ef0000000000 staging: out-of-order: the line `2027-01-26T21:46:40Z progressing` of the note on c20000000000 was written before its time, at 2027-01-15T11:00:00Z
    "#]]);
    honest().forges("c1", Event::Healthy, at(3 * 3_600), |_| {}).check(expect![[r#"
        Problem: c10000000000 staging: out-of-place: the line `2027-01-15T11:00:00Z healthy` is told of it, and by its ledger staging ran c20000000000 then
        Notice: c20000000000 staging: behind: the pin names it, and by its ledger staging still runs c10000000000
    "#]]);
    // What was said already.
    honest()
        .forges("c2", Event::Degraded, at(3 * 3_600), |_| {})
        .forges("c2", Event::Degraded, at(3 * 3_600 + 1), |_| {})
        .check(expect![[r#"
            Notice: c20000000000 staging: repeated: the line `2027-01-15T11:00:01Z degraded` says what was said already: two agents wrote it, or it is forged
        "#]]);
    // With the right words at the right time it is as good as true, unless it has to be signed.
    let well = || honest().forges("c2", Event::Degraded, at(3 * 3_600), |_| {});
    well().check(expect![""]);
    let signed = ["c3", "e0", "e1"].map(id).to_vec();
    honest().change(|scene| scene.signed = Some(signed.clone())).check(expect![""]);
    well().change(|scene| scene.signed = Some(signed[1..].to_vec())).check(expect![[r#"
        Problem: c30000000000 staging: unsigned: it is not signed
        Problem: ef0000000000 staging: unsigned: it is not signed
    "#]]);
}

#[test]
fn a_shallow_clone_proves_less() {
    let shallow = honest().change(|scene| {
        scene.incomplete = true;
        scene.commits.remove(1);
    });
    shallow.check(expect![[r#"
        Problem: c30000000000 staging: not-on-branch: its pin names c20000000000, which does not come before it on the branch
        Notice: c30000000000 staging: unproven: it names c20000000000 as its request, which is no commit of the branch before it
        Problem: c20000000000 dev: not-on-branch: its note says that it ran, and it is not on the branch: the note is forged, or the branch was rewritten
        Problem: c20000000000 staging: not-on-branch: its note says that it ran, and it is not on the branch: the note is forged, or the branch was rewritten
    "#]]);
}

/// A pin of values that dev had.
fn of_values(_: &mut PromotionResult, pin: &mut Pin) {
    let selection = Selection { images: vec!["*".into()], ..Selection::default() };
    pin.strategy = Strategy::Fields;
    pin.fields = Some(CopiedFields { from: "overlays/dev".into(), selection });
}

#[test]
fn what_was_copied_is_copied_again() {
    let copied = |change: &dyn Fn(&mut PinChange)| {
        Scene::default()
            .commit("a1", "Promote-To: staging")
            .runs("dev", "a1", &[Event::Healthy])
            .promote_as("b1", "staging", "dev", "a1", "a1", of_values)
            .runs("staging", "b1", &[Event::Healthy])
            .values("staging", "a1")
            .change(|scene| change(&mut scene.commits[1].pins[0]))
    };
    let fields = |change: fn(&mut Option<CopiedFields>)| {
        move |pin: &mut PinChange| {
            if let Some(Ok(after)) = &mut pin.after {
                change(&mut after.fields);
            }
        }
    };
    copied(&|_| {}).check(expect![[r#""#]]);
    let file = |name: &str| vec![format!("overlays/staging/{name}.yaml")];
    let differs = Difference { values: file("a"), others: file("b") };
    let by_plumb = || copied(&|pin| pin.copied = Some(Ok(differs.clone())));
    by_plumb().check(expect![[r#"
        Problem: b10000000000 staging: forged: the values of a10000000000 are not in overlays/staging/a.yaml
        Problem: b10000000000 staging: forged: more than the values of a10000000000 changed in overlays/staging/b.yaml
    "#]]);
    // A person who merges may have changed more, and not the values.
    let merged = || by_plumb().change(|scene| scene.commits[1].message = "Merge pull request #1\n".into());
    merged().check(expect![[r#"
        Notice: b10000000000 staging: unproven: no promotion commit and no ledger tells what its gates said when it was merged
        Problem: b10000000000 staging: forged: the values of a10000000000 are not in overlays/staging/a.yaml
        Notice: b10000000000 staging: by-hand: more than the values of a10000000000 changed in overlays/staging/b.yaml
    "#]]);
    let by_hand = merged().change(|scene| {
        if let Some(Ok(after)) = &mut scene.commits[1].pins[0].after {
            after.requested_by = None;
        }
    });
    by_hand.check(expect![[r#"
        Notice: b10000000000 staging: by-hand: Ada moved the pin to a10000000000; no request asked for it
        Notice: b10000000000 staging: by-hand: the values of a10000000000 are not in overlays/staging/a.yaml
    "#]]);
    copied(&|pin| pin.copied = Some(Err("there is no such file".into()))).check(expect![[r#"
        Problem: b10000000000 staging: forged: the values of a10000000000 can't be copied again: there is no such file
    "#]]);
    copied(&|pin| pin.copied = None).check(expect![[r#"
        Notice: b10000000000 staging: unproven: its pin does not tell which values were copied
    "#]]);
    copied(&fields(|fields| fields.as_mut().unwrap().from = "elsewhere".into())).check(expect![[r#"
        Notice: b10000000000 staging: unproven: no ledger tells of which environment elsewhere has the values
    "#]]);
    copied(&fields(|fields| fields.as_mut().unwrap().from = "overlays/staging".into())).check(expect![[r#"
        Problem: b10000000000 staging: forged: it copies values from the overlay that it copies them to
    "#]]);
}

#[test]
fn who_ends_a_hold_copies_nothing() {
    let released = |overlay: &[&str]| {
        let overlay = overlay.iter().map(|file| (*file).to_owned()).collect();
        Scene::default()
            .commit("a1", "Release-Hold: staging")
            .moves("staging", {
                let mut pin = Pin::new(id("a1"));
                pin.hold = Some(Hold { reason: "wait".into() });
                pin
            })
            .runs("dev", "a1", &[Event::Healthy])
            .promote_as("b1", "staging", "dev", "a1", "a1", |result, pin| {
                of_values(result, pin);
                result.released = true;
            })
            .runs("staging", "b1", &[Event::Healthy])
            .values("staging", "a1")
            .change(|scene| scene.commits[1].pins[0].overlay = overlay)
    };
    released(&[]).check(expect![[r#"
        Notice: a10000000000 staging: by-hand: Ada moved the pin to a10000000000; no request asked for it
    "#]]);
    released(&["overlays/staging/a.yaml"]).check(expect![[r#"
        Notice: a10000000000 staging: by-hand: Ada moved the pin to a10000000000; no request asked for it
        Problem: b10000000000 staging: forged: it says that it ends a hold, and changes overlays/staging/a.yaml
    "#]]);
}

#[test]
fn where_values_are_copied_the_pin_names_what_proves_them() {
    let copied = |name: &str| {
        Scene::default()
            .commit("a1", "Promote-To: staging\nPromote-To: prod")
            .runs("dev", "a1", &[Event::Healthy])
            .promote_as("b1", "staging", "dev", "a1", "a1", of_values)
            .runs("dev", "b1", &[Event::Healthy])
            .runs("staging", "b1", &[Event::Healthy])
            .values("staging", name)
            .promote_as("c1", "prod", "staging", "a1", "a1", of_values)
            .runs("staging", "c1", &[Event::Healthy])
            .values("staging", name)
    };
    copied("a1").check(expect![[""]]);
    // The values of another revision prove nothing of this one.
    copied("b1").check(expect![[r#"
        Notice: c10000000000 prod: unproven: staging never ran a10000000000; it may render to what ran there
        Problem: b10000000000 staging: unpinned: its note says that it ran, and no pin ever named it
        Problem: c10000000000 staging: unpinned: its note says that it ran, and no pin ever named it
        Notice: a10000000000 staging: behind: the pin names it, and by its ledger staging still runs c10000000000
    "#]]);
    // An overlay that somebody changed by hand has the values of no revision, whatever its pin names.
    copied(NO_VALUES).check(expect![[r#"
        Problem: c10000000000 prod: skipped: by its ledger, staging was not healthy at a10000000000
        Notice: a10000000000 staging: behind: the pin names it, and by its ledger staging still runs c10000000000
    "#]]);
}
