use std::fmt::Write as _;

use expect_test::{Expect, expect};
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::health::HealthStatus;
use crate::pin::{Hold, Pin};
use crate::promotion;

fn id(name: &str) -> String {
    format!("{name:0<40}")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// An environment, its ledger, and a clock.
struct Scene {
    account: Account,
    observed: Observed,
    now: i64,
    written: String,
    /// Whose values the overlay has.
    promoted: Option<String>,
}

impl Scene {
    fn new() -> Self {
        let observed = Observed {
            history: Vec::new(),
            health: None,
            reason: None,
            objects: Some(Objects { total: 3, healthy: 3, ..Objects::default() }),
            drifted: Some(false),
            path: "overlays/prod".into(),
            pin: None,
            gates: Vec::new(),
            agent: "0.1.0".into(),
        };
        Self { account: Account::default(), observed, now: 0, written: String::new(), promoted: None }
    }

    fn apply(mut self, revision: &str, digest: &str) -> Self {
        let digest = Digest::of(digest.as_bytes());
        let last = self.observed.history.first();
        let healthy = last.filter(|last| last.digest == Some(digest)).and_then(|last| last.healthy);
        let ran = Ran {
            revision: id(revision),
            promoted: self.promoted.clone(),
            digest: Some(digest),
            applied: at(self.now),
            healthy,
        };
        self.observed.history.insert(0, ran);
        if healthy.is_none() {
            self.observed.health = Some(HealthStatus::Progressing);
        }
        self
    }

    fn health(mut self, health: HealthStatus) -> Self {
        let ran = &mut self.observed.history[0];
        ran.healthy = if health == HealthStatus::Healthy { ran.healthy.or(Some(at(self.now))) } else { None };
        self.observed.health = Some(health);
        self
    }

    fn pass(mut self, seconds: i64) -> Self {
        self.now += seconds;
        self
    }

    fn change(mut self, change: impl FnOnce(&mut Observed)) -> Self {
        change(&mut self.observed);
        self
    }

    /// Writes what is to be written.
    fn look(mut self) -> Self {
        for (revision, entry) in transitions(&self.account, &self.observed, at(self.now)) {
            self.account.add(&revision, &entry);
            write!(self.written, "{} {}", revision.trim_end_matches('0'), print(&entry)).unwrap();
        }
        self
    }

    #[allow(clippy::needless_pass_by_value, reason = "as `expect!` is written")]
    fn check(self, expected: Expect) -> Self {
        let shortened: String = self.written.replace(" agent=0.1.0", "");
        let shortened = shortened.split_inclusive(' ').map(|word| match word.strip_prefix("digest=") {
            Some(digest) => format!("digest={} ", &digest[..4]),
            None => word.to_owned(),
        });
        expected.assert_eq(&shortened.collect::<String>());
        self
    }
}

#[test]
fn where_values_are_copied_the_ledger_proves_the_revision_that_they_are_of() {
    let pin = Pin { requested_by: Some(id("a1")), ..Pin::new(id("a1")) };
    let mut scene = Scene::new();
    scene.promoted = Some(NO_VALUES.into());
    let mut scene = scene.apply("a1", "before").health(HealthStatus::Healthy).pass(5).look();
    scene.promoted = Some(id("a1"));
    let scene = scene.change(|it| it.pin = Some(pin)).apply("b2", "after").health(HealthStatus::Healthy).pass(5).look();
    expect![[r#"
        a1 2027-01-15T08:00:05.000Z applied since=2027-01-15T08:00:00Z digest=6db7d803e74f1ffa7d8f5adc0bf95b3e15bf4c8373fffadf546227cc6c6742cb path=overlays/prod promoted=none objects=3 agent=0.1.0
        a1 2027-01-15T08:00:05.001Z healthy since=2027-01-15T08:00:00Z objects=3 healthy=3 agent=0.1.0
        b2 2027-01-15T08:00:10.000Z applied since=2027-01-15T08:00:05Z digest=f39592393ef0859cb196a52693d2cea00fb2df784b3c04ae54aa7cadb8e562f8 path=overlays/prod promoted=a100000000000000000000000000000000000000 objects=3 request=a100000000000000000000000000000000000000 agent=0.1.0
        b2 2027-01-15T08:00:10.001Z healthy since=2027-01-15T08:00:05Z objects=3 healthy=3 agent=0.1.0
    "#]].assert_eq(&scene.written);
    let state = scene.account.state();
    assert_eq!(state.revision, Some(id("a1")));
    let healthy: Vec<_> = state.healthy.iter().map(|healthy| (healthy.revision.as_str(), healthy.since)).collect();
    assert_eq!(
        healthy,
        [(NO_VALUES, at(0)), (id("a1").as_str(), at(5))],
        "what ran before the copy proves nothing of it"
    );
}

#[test]
fn what_happens_is_written_once() {
    let scene = Scene::new().apply("c1", "one").look().look().pass(5).health(HealthStatus::Healthy).look().look();
    let scene = scene.pass(5).health(HealthStatus::Progressing).look().health(HealthStatus::Degraded);
    let scene = scene.change(|it| it.reason = Some("Deployment shop/web".into())).look().look();
    let scene = scene.pass(5).change(|it| it.drifted = Some(true)).look().look().change(|it| it.drifted = Some(false));
    let scene = scene.look().pass(1).health(HealthStatus::Progressing).look().pass(1).health(HealthStatus::Healthy);
    scene.look().check(expect![[r#"
        c1 2027-01-15T08:00:00.000Z applied digest=7692 path=overlays/prod objects=3
        c1 2027-01-15T08:00:05.000Z healthy objects=3 healthy=3
        c1 2027-01-15T08:00:10.000Z progressing objects=3 healthy=3
        c1 2027-01-15T08:00:10.001Z degraded objects=3 healthy=3 reason="Deployment shop/web"
        c1 2027-01-15T08:00:15.000Z drifted
        c1 2027-01-15T08:00:15.001Z in-sync
        c1 2027-01-15T08:00:17.000Z healthy objects=3 healthy=3
    "#]]);
}

#[test]
fn nobody_looked_for_a_while() {
    let scene = Scene::new().apply("c1", "one").pass(2).health(HealthStatus::Healthy).look();
    let scene = scene.pass(1).apply("c2", "two").pass(3).health(HealthStatus::Healthy).pass(1).apply("c3", "two");
    scene.pass(60).apply("c4", "four").pass(7).look().look().check(expect![[r#"
        c1 2027-01-15T08:00:02.000Z applied since=2027-01-15T08:00:00Z digest=7692 path=overlays/prod objects=3
        c1 2027-01-15T08:00:02.001Z healthy objects=3 healthy=3
        c2 2027-01-15T08:01:14.000Z applied since=2027-01-15T08:00:03Z digest=3fc4 path=overlays/prod
        c2 2027-01-15T08:01:14.001Z healthy since=2027-01-15T08:00:06Z
        c3 2027-01-15T08:01:14.002Z applied since=2027-01-15T08:00:07Z digest=3fc4 path=overlays/prod
        c3 2027-01-15T08:01:14.003Z healthy since=2027-01-15T08:00:06Z
        c4 2027-01-15T08:01:14.004Z applied since=2027-01-15T08:01:07Z digest=04ef path=overlays/prod objects=3
    "#]]);
}

#[test]
fn what_a_run_became_between_two_looks() {
    let pin = Pin { rollback_of: Some(id("c2")), hold: Some(Hold { reason: "x".into() }), ..Pin::new(id("c1")) };
    let scene = Scene::new().apply("c1", "one").health(HealthStatus::Healthy).look().pass(10).apply("c2", "two").look();
    let scene = scene.pass(1).health(HealthStatus::Healthy).change(|it| it.pin = Some(pin)).pass(1).apply("c1", "one");
    scene.look().look().check(expect![[r#"
        c1 2027-01-15T08:00:00.000Z applied digest=7692 path=overlays/prod objects=3
        c1 2027-01-15T08:00:00.001Z healthy objects=3 healthy=3
        c2 2027-01-15T08:00:10.000Z applied digest=3fc4 path=overlays/prod objects=3
        c2 2027-01-15T08:00:12.000Z healthy since=2027-01-15T08:00:11Z
        c2 2027-01-15T08:00:12.001Z rolled-back reason="to c100000000000000000000000000000000000000"
        c1 2027-01-15T08:00:12.002Z applied digest=7692 path=overlays/prod objects=3
        c1 2027-01-15T08:00:12.003Z held reason=x
    "#]]);
}

#[test]
fn what_gates_said_to_a_merged_pull_request() {
    let pin = Pin { requested_by: Some(id("a")), ..Pin::new(id("c1")) };
    let gates = [("upstream/dev", "pass"), ("window", "wait")].map(|(name, said)| (name.to_owned(), said.to_owned()));
    let scene = Scene::new().change(|it| (it.pin, it.gates) = (Some(pin), gates.to_vec())).apply("c1", "one").look();
    assert_eq!(scene.account.runs[0].gates, gates);
    scene.check(expect![[r#"
        c1 2027-01-15T08:00:00.000Z applied digest=7692 path=overlays/prod objects=3 request=a000000000000000000000000000000000000000 gates="upstream/dev=pass,window=wait"
    "#]]);
    let many = Entry { gates: vec![("x".repeat(400), "pass".into()); 9], ..Entry::new(at(0), Event::Applied) };
    assert_eq!(parse(print(&many).as_bytes()).entries[0].gates.len(), 5, "a line is bounded");
}

#[test]
fn a_hold_is_told_of_what_it_holds() {
    let held = Pin { hold: Some(Hold { reason: "x".into() }), ..Pin::new(id("c2")) };
    let scene = Scene::new().apply("c1", "one").look().change(|it| it.pin = Some(held)).look().pass(1);
    scene.apply("c2", "two").look().pass(1).change(|it| it.pin = None).look().check(expect![[r#"
        c1 2027-01-15T08:00:00.000Z applied digest=7692 path=overlays/prod objects=3
        c2 2027-01-15T08:00:01.000Z applied digest=3fc4 path=overlays/prod objects=3
        c2 2027-01-15T08:00:01.001Z held reason=x
        c2 2027-01-15T08:00:02.000Z released
    "#]]);
}

#[test]
fn a_break_of_health_that_nobody_saw_moves_the_time() {
    let scene = Scene::new().apply("c1", "one").health(HealthStatus::Healthy).look().pass(10);
    let scene = scene.health(HealthStatus::Progressing).pass(1).health(HealthStatus::Healthy).pass(1).look();
    assert_eq!(scene.account.state().healthy[0].since, at(11));
    scene.check(expect![[r#"
        c1 2027-01-15T08:00:00.000Z applied digest=7692 path=overlays/prod objects=3
        c1 2027-01-15T08:00:00.001Z healthy objects=3 healthy=3
        c1 2027-01-15T08:00:12.000Z healthy since=2027-01-15T08:00:11Z objects=3 healthy=3
    "#]]);
}

#[test]
fn rollbacks_and_holds() {
    let pin = |revision: &str| Pin { requested_by: Some(id("a")), ..Pin::new(id(revision)) };
    let scene = Scene::new().change(|it| it.pin = Some(pin("c1"))).apply("c1", "one").health(HealthStatus::Healthy);
    let scene = scene.look().pass(60).change(|it| it.pin = Some(pin("c2"))).apply("c2", "two");
    let scene = scene.pass(9).health(HealthStatus::Degraded).look().pass(1).change(|it| {
        let hold = Some(Hold { reason: "c2 degraded\nwithin 10s".into() });
        it.pin = Some(Pin { rollback_of: Some(id("c2")), hold, ..pin("c1") });
    });
    let scene = scene.apply("c1", "one").look().look().pass(9).health(HealthStatus::Healthy).look();
    let scene = scene.pass(60).change(|it| it.pin.as_mut().unwrap().hold = None).look().check(expect![[r#"
        c1 2027-01-15T08:00:00.000Z applied digest=7692 path=overlays/prod objects=3 request=a000000000000000000000000000000000000000
        c1 2027-01-15T08:00:00.001Z healthy objects=3 healthy=3
        c2 2027-01-15T08:01:09.000Z applied since=2027-01-15T08:01:00Z digest=3fc4 path=overlays/prod objects=3 request=a000000000000000000000000000000000000000
        c2 2027-01-15T08:01:09.001Z degraded objects=3 healthy=3
        c2 2027-01-15T08:01:10.000Z rolled-back reason="to c100000000000000000000000000000000000000"
        c1 2027-01-15T08:01:10.001Z applied digest=7692 path=overlays/prod objects=3 request=a000000000000000000000000000000000000000
        c1 2027-01-15T08:01:10.002Z held reason="c2 degraded within 10s"
        c1 2027-01-15T08:01:19.000Z healthy objects=3 healthy=3
        c1 2027-01-15T08:02:19.000Z released
    "#]]);
    let runs: Vec<_> = scene.account.runs.iter().map(|run| (run.rolled_back, run.degraded.is_some())).collect();
    assert_eq!(runs, [(false, false), (true, true), (false, false)]);
}

#[test]
fn a_revision_that_changes_nothing_can_wait() {
    let healthy = || Scene::new().apply("a", "x").health(HealthStatus::Healthy).look().pass(10);
    let waits =
        |scene: Scene| change_nothing(&scene.account, &transitions(&scene.account, &scene.observed, at(scene.now)));
    assert!(waits(healthy()), "there is nothing to say");
    assert!(waits(healthy().apply("b", "x")));
    assert!(waits(healthy().apply("b", "x").look().pass(10).apply("c", "x")));
    assert!(!waits(Scene::new().apply("a", "x")));
    assert!(!waits(healthy().apply("b", "y")));
    assert!(!waits(healthy().apply("b", "x").health(HealthStatus::Degraded)));
    assert!(!waits(healthy().apply("b", "x").change(|observed| observed.drifted = Some(true))));
    let elsewhere = |observed: &mut Observed| observed.path = "overlays/elsewhere".into();
    assert!(!waits(healthy().apply("b", "x").change(elsewhere)));
    let asked = |observed: &mut Observed| {
        observed.pin = Some(Pin { requested_by: Some(id("r")), ..Pin::new(id("b")) });
    };
    assert!(!waits(healthy().apply("b", "x").change(asked)));
    let progressing = Scene::new().apply("a", "x").look().pass(10);
    assert!(!waits(progressing.apply("b", "x").health(HealthStatus::Healthy)));
}

/// What is read from the notes is what was known when they were written, and nothing is written a second time.
#[test]
fn an_agent_that_starts_anew_goes_on() {
    let mut scene = Scene::new().apply("c1", "one").pass(2).health(HealthStatus::Healthy).look().pass(1);
    scene = scene.apply("c2", "two").look().pass(60).health(HealthStatus::Degraded).look();
    scene = scene.change(|it| it.drifted = Some(true)).look();
    let lines = scene.written.lines().map(|line| {
        let (revision, line) = line.split_once(' ').unwrap();
        (id(revision), parse(line.as_bytes()).entries.remove(0))
    });
    let read = Account::of(lines);
    assert_eq!(read, scene.account);
    assert_eq!(transitions(&read, &scene.observed, at(1_000)), []);
}

#[test]
fn what_downstream_reads() {
    let scene = Scene::new().apply("c1", "one").pass(2).health(HealthStatus::Healthy).look().pass(10).apply("c2", "x");
    let state = scene.look().account.state();
    assert_eq!(state.revision, Some(id("c2")));
    // It was applied and healthy at once, and no two lines have the same time.
    let since = at(2) + jiff::SignedDuration::from_millis(1);
    let healthy = promotion::Healthy { revision: id("c1"), since, until: Some(at(12)) };
    assert_eq!(state.healthy, [healthy]);
    assert_eq!(state.digests[&id("c1")], Digest::of(b"one"));
}

#[test]
fn how_well_delivery_works() {
    // c1 is healthy after 2 s, c2 renders to the same, c3 degrades after 10 s and is rolled back, c4 breaks for 5 s.
    let scene = Scene::new().pass(100).apply("c1", "one").pass(2).health(HealthStatus::Healthy).look();
    let scene = scene.pass(8).apply("c2", "one").look().pass(10).apply("c3", "three").look().pass(10);
    let scene = scene.health(HealthStatus::Degraded).look().pass(20).change(|it| {
        it.pin = Some(Pin { rollback_of: Some(id("c3")), ..Pin::new(id("c1")) });
    });
    let scene = scene.apply("c1", "one").look().pass(3).health(HealthStatus::Healthy).look();
    let scene = scene.pass(10).apply("c4", "four").pass(4).health(HealthStatus::Healthy).look().pass(30);
    let scene = scene.health(HealthStatus::Degraded).look().pass(5).health(HealthStatus::Healthy).look();
    let committed = |revision: &str| (revision != id("c4")).then(|| at(90));
    let keys = FourKeys::of(&scene.account, at(0), committed);
    let seconds = |times: &[jiff::SignedDuration]| times.iter().map(jiff::SignedDuration::as_secs).collect::<Vec<_>>();
    assert_eq!((keys.deployments, keys.failures, keys.failure_percent()), (3, 2, Some(66)));
    assert_eq!((seconds(&keys.lead_times), seconds(&keys.restore_times)), (vec![12], vec![5, 23]));
    assert_eq!(FourKeys::of(&scene.account, at(150), committed).deployments, 1);
    assert_eq!(FourKeys::default().failure_percent(), None);
    // Whoever counts adds what each line brings, and comes to the same.
    let lines: Vec<_> = scene.written.lines().collect();
    let sum = (0..=lines.len()).map(|count| {
        let lines = lines[..count].iter().filter_map(|line| {
            let (revision, entry) = line.split_once(' ')?;
            Some((id(revision), parse(entry.as_bytes()).entries.pop()?))
        });
        FourKeys::of(&Account::of(lines), at(0), committed)
    });
    let mut before = FourKeys::default();
    let mut total = FourKeys::default();
    for now in sum {
        let new = now.beyond(&before);
        total.deployments += new.deployments;
        total.failures += new.failures;
        total.lead_times.extend(new.lead_times);
        total.restore_times.extend(new.restore_times);
        before = now;
    }
    total.lead_times.sort();
    total.restore_times.sort();
    assert_eq!(total, keys);
    assert_eq!((percentile(&keys.restore_times, 50), percentile(&[], 50)), (Some(keys.restore_times[0]), None));
}

#[allow(clippy::needless_pass_by_value, reason = "as `expect!` is written")]
fn check_note(note: &[u8], expected: Expect) {
    let read = parse(note);
    let lines: String = read.entries.iter().map(print).collect();
    expected.assert_eq(&format!("{lines}{} foreign\n", read.foreign));
}

#[test]
fn what_others_write_is_passed_over() {
    check_note(b"", expect!["0 foreign\n"]);
    check_note(
        b"looks good to me\n\n2026-01-01T00:00:01Z healthy\n2026-01-01T00:00:00Z applied colour=red agent=9\n\
          <<<<<<< HEAD\n2026-01-01T00:00:02Z exploded\n2026-01-01T00:00:02Z healthy objects=many\n\xff\xfe\n\
          2026-01-01T00:00:03Z degraded reason=\"a \\\"b\\\" c=d\" objects=2\n2026-01-01T00:00:01Z healthy\n\
          2026-01-01T00:00:03Z degraded reason=\"never ends\n",
        expect![[r#"
            2026-01-01T00:00:00.000Z applied agent=9
            2026-01-01T00:00:01.000Z healthy
            2026-01-01T00:00:03.000Z degraded objects=2 reason="a \"b\" c=d"
            6 foreign
        "#]],
    );
    assert!(parse(&b"2026-01-01T00:00:00Z applied\n".repeat(1 << 20)).entries.len() == 1, "a bound on what is read");
}

#[test]
fn lines_are_added_and_none_is_touched() {
    let line = |second: i64| print(&Entry::new(at(second), Event::Healthy));
    let merged = merge(b"a person wrote this", &[line(1), line(2)]).unwrap();
    assert_eq!(String::from_utf8(merged.clone()).unwrap(), format!("a person wrote this\n{}{}", line(1), line(2)));
    assert_eq!(merge(&merged, &[line(2)]), None);
    assert_eq!(merge(&vec![b'x'; LONGEST_NOTE + 1], &[line(2)]), None);
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_000_i64).prop_map(|millisecond| Timestamp::from_millisecond(millisecond).unwrap())
}

fn any_text() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[ -~é…\u{2028}]{0,40}")
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        time in any_time(),
        event in prop::sample::select(Event::ALL.to_vec()),
        since in prop::option::of(0..4_000_000_000_i64),
        digest in prop::option::of(any::<Vec<u8>>()),
        objects in prop::option::of((1..10_u32, 0..10_u32, 0..10_u32, 0..10_u32)),
        path in any_text(),
        request in any_text(),
        reason in any_text(),
        gates in prop::collection::vec(("[a-z][ -+.-~é]{0,12}", "pass|wait|fail"), 0..5),
    ) {
        let entry = Entry {
            since: since.map(|second| Timestamp::from_second(second).unwrap()),
            digest: digest.map(|bytes| Digest::of(&bytes)),
            objects: objects.map(|(total, healthy, progressing, degraded)| Objects { total, healthy, progressing, degraded }),
            path,
            request,
            reason,
            gates,
            ..Entry::new(time, event)
        };
        let line = print(&entry);
        prop_assert_eq!(line.matches('\n').count(), 1);
        prop_assert_eq!(parse(line.as_bytes()), Note { entries: vec![entry], foreign: 0 }, "{}", line);
    }

    #[test]
    fn any_note_has_an_answer(note in any::<Vec<u8>>(), lines in "(2026-01-01T00:00:00Z |applied|healthy|reason=|\"|\\\\|=| |\n|é){0,30}") {
        let _ = parse(&note);
        let _ = parse(lines.as_bytes());
    }
}
