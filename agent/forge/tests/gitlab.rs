//! GitLab, against what its documentation says (`docs.gitlab.com/api`, version 18): no package brings the OpenAPI description of this version.

#![allow(clippy::unwrap_used, reason = "helpers of an integration test are tests too, and clippy cannot see it")]

mod support;

use std::sync::Arc;

use plumb_forge::{
    Address, Change, Credentials, Error, Forge, Kind, Label, Marker, Merge, MergeMethod, NewPullRequest, State, Status,
    StatusState, connect,
};
use serde_json::{Value, json};
use support::{Exchange, expect};

const HEAD: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

fn check<T>(exchanges: Vec<Exchange>, call: impl FnOnce(Arc<dyn Forge>) -> T) -> T {
    let (url, thread) = expect("/api/v4/projects/acme%2Finfra%2Fplatform", "Bearer a-token", exchanges);
    let address =
        Address::of("git@gitlab.example.com:acme/infra/platform.git", Some(Kind::GitLab), Some(&url)).unwrap();
    let result = call(connect(&address, Credentials::Token("a-token".into())).unwrap());
    thread.join().unwrap();
    result
}

fn request(changes: &Value) -> Value {
    let mut request = json!({
        "id": 1, "iid": 7, "project_id": 3, "title": "Promote", "description": "Why", "state": "opened", "draft": false,
        "web_url": "https://gitlab.example.com/acme/infra/platform/-/merge_requests/7",
        "source_branch": "plumb/promote/prod", "target_branch": "main", "source_project_id": 3, "target_project_id": 3,
        "sha": HEAD, "merge_commit_sha": null, "squash_commit_sha": null, "labels": ["plumb"], "author": {"id": 1, "username": "plumb"},
        "detailed_merge_status": "mergeable",
    });
    for (key, value) in changes.as_object().unwrap() {
        request[key] = value.clone();
    }
    request
}

#[test]
fn merge_requests() {
    let listed =
        "GET /merge_requests?state=opened&source_branch=plumb%2Fpromote%2Fprod&target_branch=main&per_page=100&page=1";
    let found = check(vec![(listed, Value::Null, 200, json!([request(&json!({}))]))], |forge| {
        forge.find("plumb/promote/prod", "main")
    });
    let found = found.unwrap().unwrap();
    assert_eq!((found.number, found.head_commit.as_str(), found.from_fork, found.state), (7, HEAD, false, State::Open));
    assert_eq!((found.author.as_str(), found.merge_commit), ("plumb", None));

    let forked = json!([request(&json!({"source_project_id": 9}))]);
    assert_eq!(
        check(vec![(listed, Value::Null, 200, forked)], |forge| forge.find("plumb/promote/prod", "main")).unwrap(),
        None
    );

    let any = "GET /merge_requests?state=all&source_branch=x&target_branch=main&per_page=10";
    let both = json!([request(&json!({"iid": 8, "state": "closed"})), request(&json!({"state": "merged"}))]);
    let latest = check(vec![(any, Value::Null, 200, both)], |forge| forge.latest("x", "main")).unwrap().unwrap();
    assert_eq!((latest.number, latest.state), (8, State::Closed));

    let merged = "GET /merge_requests?state=merged&target_branch=main&order_by=updated_at&sort=desc&per_page=50";
    let all = json!([
        request(&json!({"state": "merged", "merge_commit_sha": "a".repeat(40), "squash_commit_sha": "b".repeat(40)})),
        request(&json!({"state": "merged", "squash_commit_sha": "b".repeat(40)})),
        request(&json!({"state": "merged"})),
    ]);
    let commits = check(vec![(merged, Value::Null, 200, all)], |forge| forge.merged("main")).unwrap();
    let commits: Vec<_> = commits.into_iter().filter_map(|pull| pull.merge_commit).collect();
    assert_eq!(commits, ["a".repeat(40), "b".repeat(40), HEAD.to_owned()]);

    let body = json!({"source_branch": "x", "target_branch": "main", "title": "t", "description": "b", "remove_source_branch": true});
    let new = NewPullRequest { head: "x".into(), base: "main".into(), title: "t".into(), body: "b".into() };
    check(vec![("POST /merge_requests", body, 201, request(&json!({})))], |forge| forge.create(&new)).unwrap();
    let body = json!({"title": "t", "description": "b"});
    let change = Change { title: "t".into(), body: "b".into() };
    check(vec![("PUT /merge_requests/7", body, 200, request(&json!({})))], |forge| forge.update(7, &change)).unwrap();
    let body = json!({"state_event": "close"});
    check(vec![("PUT /merge_requests/7", body, 200, request(&json!({"state": "closed"})))], |forge| forge.close(7))
        .unwrap();
    let closed =
        check(vec![("GET /merge_requests/7", Value::Null, 200, request(&json!({"state": "closed"})))], |forge| {
            forge.get(7)
        });
    assert_eq!(closed.unwrap().state, State::Closed);
}

#[test]
fn merges_are_guarded() {
    let merge = |method| Merge { head: HEAD.into(), method, title: "t".into(), message: "m".into() };
    let body = |squash: bool| {
        json!({
            "sha": HEAD, "squash": squash, "should_remove_source_branch": true, "merge_commit_message": "t\n\nm",
            "squash_commit_message": "t\n\nm",
        })
    };
    let path = "PUT /merge_requests/7/merge";
    check(vec![(path, body(false), 200, request(&json!({"state": "merged"})))], |forge| {
        forge.merge(7, &merge(MergeMethod::Merge))
    })
    .unwrap();
    check(vec![(path, body(true), 200, request(&json!({"state": "merged"})))], |forge| {
        forge.merge(7, &merge(MergeMethod::Squash))
    })
    .unwrap();
    let refused = |status, message: &str, now: Option<&str>| {
        let mut talk = vec![(path, body(false), status, json!({"message": message}))];
        talk.extend(now.map(|now| ("GET /merge_requests/7", Value::Null, 200, request(&json!({"state": now})))));
        check(talk, |forge| forge.merge(7, &merge(MergeMethod::Merge)))
    };
    let moved = refused(409, "SHA does not match HEAD of source branch", None);
    assert!(matches!(moved, Err(Error::HeadMoved { .. })));
    for (status, message) in [(405, "405 Method Not Allowed"), (422, "Branch cannot be merged")] {
        assert!(matches!(refused(status, message, Some("opened")), Err(Error::NotMergeable { .. })));
    }
    // It was merged by an attempt whose answer was lost.
    refused(405, "405 Method Not Allowed", Some("merged")).unwrap();
    // What is only accepted is not merged.
    let accepted =
        check(vec![(path, body(false), 200, request(&json!({})))], |forge| forge.merge(7, &merge(MergeMethod::Merge)));
    assert!(matches!(accepted, Err(Error::NotMergeable { .. })));
}

#[test]
fn notes() {
    let list = "GET /merge_requests/7/notes?sort=asc&per_page=100&page=1";
    let notes = json!([
        {"id": 1, "body": "added a label", "system": true, "author": {"username": "plumb"}},
        {"id": 2, "body": "<!-- plumb:preview -->\nold", "system": false, "author": {"username": "plumb"}},
    ]);
    let marker = Marker::new("plumb:preview");
    let new = json!({"body": "<!-- plumb:preview -->\nnew"});
    check(
        vec![
            (list, Value::Null, 200, notes.clone()),
            ("PUT /merge_requests/7/notes/2", new.clone(), 200, json!({"id": 2})),
        ],
        |forge| forge.upsert_comment(7, &marker, "new"),
    )
    .unwrap();
    check(vec![(list, Value::Null, 200, notes)], |forge| forge.upsert_comment(7, &marker, "old")).unwrap();
    check(
        vec![(list, Value::Null, 200, json!([])), ("POST /merge_requests/7/notes", new, 201, json!({"id": 3}))],
        |forge| forge.upsert_comment(7, &marker, "new"),
    )
    .unwrap();
}

#[test]
fn labels_are_made_when_they_are_missing() {
    let labels = ["plumb", "promote/prod"].map(|name| Label {
        name: name.into(),
        colour: "1d76db".into(),
        description: "d".into(),
    });
    let exchanges = vec![
        ("GET /labels/plumb", Value::Null, 200, json!({"id": 1, "name": "plumb"})),
        ("GET /labels/promote%2Fprod", Value::Null, 404, json!({"message": "404 Label Not Found"})),
        (
            "POST /labels",
            json!({"name": "promote/prod", "color": "#1d76db", "description": "d"}),
            201,
            json!({"id": 2}),
        ),
        ("PUT /merge_requests/7", json!({"add_labels": "plumb,promote/prod"}), 200, request(&json!({}))),
    ];
    check(exchanges, |forge| forge.add_labels(7, &labels)).unwrap();
}

#[test]
fn statuses() {
    let status = |state| Status { name: "plumb/gate".into(), state, description: "d".into(), url: None };
    let body = |state: &str| json!({"name": "plumb/gate", "state": state, "description": "d"});
    let path = "POST /statuses/6dcb09b5b57875f334f61aebed695e2e4193db5e";
    for (state, word) in
        [(StatusState::Pending, "pending"), (StatusState::Success, "success"), (StatusState::Failure, "failed")]
    {
        check(vec![(path, body(word), 201, json!({"id": 1}))], |forge| forge.set_status(HEAD, &status(state))).unwrap();
    }
    let same = json!({"message": {"state": ["Cannot transition status via :enqueue from :pending"]}});
    check(vec![(path, body("pending"), 400, same)], |forge| forge.set_status(HEAD, &status(StatusState::Pending)))
        .unwrap();
    let busy = json!({"message": "Resource is being updated"});
    let busy =
        check(vec![(path, body("success"), 409, busy)], |forge| forge.set_status(HEAD, &status(StatusState::Success)));
    assert!(busy.is_err_and(|error| error.class() == plumb_forge::Class::Transient));
    let far = Status { url: Some(format!("https://example.com/{}", "x".repeat(300))), ..status(StatusState::Success) };
    check(vec![(path, body("success"), 201, json!({"id": 1}))], |forge| forge.set_status(HEAD, &far)).unwrap();
    let list = "GET /repository/commits/6dcb09b5b57875f334f61aebed695e2e4193db5e/statuses?per_page=100&page=1";
    let all = json!([
        {"id": 4, "name": "a", "status": "running", "description": null, "target_url": null, "allow_failure": false},
        {"id": 2, "name": "a", "status": "success", "description": null, "target_url": null, "allow_failure": false},
        {"id": 3, "name": "b", "status": "failed", "description": "x", "target_url": "https://x", "allow_failure": false},
        {"id": 1, "name": "c", "status": "failed", "description": null, "target_url": null, "allow_failure": true},
    ]);
    let read = check(vec![(list, Value::Null, 200, all)], |forge| forge.statuses(HEAD)).unwrap();
    let read: Vec<_> = read.iter().map(|it| (it.name.as_str(), it.state)).collect();
    assert_eq!(read, [("a", StatusState::Pending), ("b", StatusState::Failure), ("c", StatusState::Success)]);
}

#[test]
fn who_was_asked_stays_asked() {
    let asked = request(&json!({"reviewers": [{"id": 3, "username": "ada"}]}));
    let exchanges = vec![
        ("GET /merge_requests/7", Value::Null, 200, asked),
        ("GET //api/v4/users?username=ada", Value::Null, 200, json!([{"id": 3, "username": "ada"}])),
        ("GET //api/v4/users?username=ben", Value::Null, 200, json!([{"id": 5, "username": "ben"}])),
        ("PUT /merge_requests/7", json!({"reviewer_ids": [3, 5]}), 200, request(&json!({}))),
    ];
    check(exchanges, |forge| forge.request_reviews(7, &["ada".into(), "ben".into()])).unwrap();
}

#[test]
fn approvals() {
    let approvals = json!({"approved": true, "approved_by": [{"user": {"id": 5, "username": "ada"}}]});
    let read = check(vec![("GET /merge_requests/7/approvals", Value::Null, 200, approvals)], |forge| forge.reviews(7))
        .unwrap();
    assert_eq!((read.len(), read[0].author.as_str()), (1, "ada"));
}
