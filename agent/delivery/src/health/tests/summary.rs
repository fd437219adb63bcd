use expect_test::expect;

use super::*;

fn summarize(objects: &[(&'static str, Health)], now: i64) -> EnvironmentHealth<&'static str> {
    summary(objects.iter().cloned(), at(0), SignedDuration::from_mins(5), at(now))
}

#[test]
fn an_environment_is_as_good_as_its_worst_object() {
    let healthy = ("ConfigMap a", Health::healthy());
    let resting = ("CronJob b", Health::suspended("is suspended"));
    let late = ("Deployment c", Health::progressing("1 of 3 pods are updated"));
    let lost = ("Pod d", Health::new(HealthStatus::Unknown, "its node does not answer"));
    let failed = ("Job e", Health::degraded("BackoffLimitExceeded"));
    let check = |objects: &[(&'static str, Health)], now: i64, expected: Expect| {
        let found = summarize(objects, now);
        let deadline = found.deadline.map_or_else(String::new, |deadline| format!(" (until {deadline})"));
        expected.assert_eq(&format!("{:?}{deadline}: {}\n", found.status, found.message(2)));
    };
    check(
        &[],
        0,
        expect![[r#"
        Healthy: 0 objects are healthy
    "#]],
    );
    check(
        &[healthy.clone(), resting.clone()],
        0,
        expect![[r#"
        Healthy: 2 objects are healthy
    "#]],
    );
    check(
        &[healthy.clone(), late.clone()],
        299,
        expect![[r#"
        Progressing (until 2027-01-15T08:05:00Z): 1 of 2 objects are not healthy: Deployment c: 1 of 3 pods are updated
    "#]],
    );
    check(
        &[healthy.clone(), late.clone()],
        300,
        expect![[r#"
        Degraded: 1 of 2 objects are not healthy: Deployment c: not healthy within 5m: 1 of 3 pods are updated
    "#]],
    );
    check(
        std::slice::from_ref(&lost),
        0,
        expect![[r#"
        Progressing (until 2027-01-15T08:05:00Z): 1 of 1 objects are not healthy: Pod d: its node does not answer
    "#]],
    );
    check(
        &[late.clone(), healthy.clone(), failed.clone(), lost.clone()],
        0,
        expect![[r#"
        Degraded (until 2027-01-15T08:05:00Z): 3 of 4 objects are not healthy: Job e: BackoffLimitExceeded; Pod d: its node does not answer; and 1 more
    "#]],
    );

    let counts = summarize(&[healthy, resting, late, lost, failed], 0).counts;
    let expected = Counts { total: 5, healthy: 1, suspended: 1, progressing: 1, unknown: 1, degraded: 1, late: 0 };
    assert_eq!(counts, expected);
}

#[test]
fn what_was_healthy_before_is_degraded_and_not_late() {
    let progressing = ("Deployment a", Health::progressing(""));
    let failed = ("Job b", Health::degraded(""));
    let verdicts = |objects: &[(&'static str, Health)], now: i64| {
        let found = summarize(objects, now);
        (found.verdict(false), found.verdict(true))
    };
    assert_eq!(verdicts(&[("ConfigMap c", Health::healthy())], 0), (Verdict::Healthy, Verdict::Healthy));
    assert_eq!(verdicts(std::slice::from_ref(&progressing), 0), (Verdict::Progressing, Verdict::Progressing));
    assert_eq!(verdicts(std::slice::from_ref(&progressing), 300), (Verdict::TimedOut, Verdict::Degraded));
    assert_eq!(verdicts(std::slice::from_ref(&failed), 0), (Verdict::Failed, Verdict::Degraded));
    assert_eq!(verdicts(&[progressing, failed], 300), (Verdict::Failed, Verdict::Degraded));
}

proptest! {
    #[test]
    fn counts_add_up(statuses in prop::collection::vec(0..5_usize, 0..20), now in 0..600_i64) {
        use HealthStatus::{Degraded, Healthy, Progressing, Suspended, Unknown};
        let all = [Healthy, Suspended, Progressing, Unknown, Degraded];
        let objects = statuses.iter().map(|status| ("a", Health::new(all[*status], "")));
        let found = summary(objects, at(0), SignedDuration::from_mins(5), at(now));
        let counts = found.counts;
        let fine = counts.healthy + counts.suspended;
        prop_assert_eq!(fine + counts.progressing + counts.unknown + counts.degraded, statuses.len());
        prop_assert_eq!(found.unhealthy.len() + fine, statuses.len());
        prop_assert_eq!(found.status == Healthy, found.unhealthy.is_empty());
        prop_assert_eq!(found.deadline.is_some(), counts.progressing + counts.unknown > 0);
        prop_assert!(now < 300 || found.deadline.is_none());
    }
}
