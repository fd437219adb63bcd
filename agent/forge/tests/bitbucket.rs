//! Bitbucket Cloud, against what its documentation says (`developer.atlassian.com/cloud/bitbucket/rest`): the OpenAPI
//! description that a package brings has no examples to answer from.

#![allow(clippy::unwrap_used, reason = "helpers of an integration test are tests too, and clippy cannot see it")]

mod support;

use std::sync::Arc;

use plumb_forge::{
    Address, Change, Credentials, Error, Forge, Kind, Label, Marker, Merge, MergeMethod, NewPullRequest, ReviewState,
    State, Status, StatusState, connect,
};
use serde_json::{Value, json};
use support::{Exchange, expect};

const HEAD: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

fn check<T>(exchanges: Vec<Exchange>, call: impl FnOnce(Arc<dyn Forge>) -> T) -> T {
    let (url, thread) = expect("/2.0/repositories/acme/platform", "Basic YWRhQGV4YW1wbGUuY29tOmEtdG9rZW4=", exchanges);
    let address = Address::of("git@bitbucket.org:acme/platform.git", Some(Kind::Bitbucket), Some(&url)).unwrap();
    let credentials = Credentials::Basic { username: "ada@example.com".into(), password: "a-token".into() };
    let result = call(connect(&address, credentials).unwrap());
    thread.join().unwrap();
    result
}

fn pull(changes: &Value) -> Value {
    let end = |branch: &str, hash: &str| json!({"branch": {"name": branch}, "commit": {"hash": hash}, "repository": {"full_name": "acme/platform"}});
    let mut pull = json!({
        "id": 7, "title": "Promote", "description": "Why", "state": "OPEN", "links": {"html": {"href": "https://bitbucket.org/acme/platform/pull-requests/7"}},
        "source": end("plumb/promote/prod", &HEAD[..12]), "destination": end("main", "aaaaaaaaaaaa"), "merge_commit": null,
        "author": {"display_name": "Plumb", "nickname": "plumb"}, "participants": [],
    });
    for (key, value) in changes.as_object().unwrap() {
        pull[key] = value.clone();
    }
    pull
}

#[test]
fn pull_requests() {
    let listed = "GET /pullrequests?q=state%3D%22OPEN%22+AND+source.branch.name%3D%22plumb%2Fpromote%2Fprod%22+AND+destination.branch.name%3D%22main%22&pagelen=50&page=1";
    let found = check(vec![(listed, Value::Null, 200, json!({"values": [pull(&json!({}))]}))], |forge| {
        forge.find("plumb/promote/prod", "main")
    });
    let found = found.unwrap().unwrap();
    assert_eq!((found.number, found.author.as_str(), found.from_fork), (7, "plumb", false));
    assert!(plumb_forge::same_commit(&found.head_commit, HEAD));

    let open = [
        "GET /pullrequests?q=state%3D%22OPEN%22+AND+destination.branch.name%3D%22main%22&pagelen=50&page=1",
        "GET /pullrequests?q=state%3D%22OPEN%22+AND+destination.branch.name%3D%22main%22&pagelen=50&page=2",
    ];
    let pages = vec![
        (
            open[0],
            Value::Null,
            200,
            json!({"values": [pull(&json!({}))], "next": "https://api.bitbucket.org/2.0/…?page=2"}),
        ),
        (
            open[1],
            Value::Null,
            200,
            json!({"values": [pull(&json!({"id": 8, "source": {"branch": {"name": "x"}, "commit": null, "repository": null}}))]}),
        ),
    ];
    let all = check(pages, |forge| forge.open("main")).unwrap();
    assert_eq!(all.iter().map(|pull| (pull.number, pull.from_fork)).collect::<Vec<_>>(), [(7, false), (8, true)]);

    let merged =
        "GET /pullrequests?q=state%3D%22MERGED%22+AND+destination.branch.name%3D%22main%22&sort=-updated_on&pagelen=50";
    let answer =
        json!({"values": [pull(&json!({"state": "MERGED", "merge_commit": {"hash": "bbbbbbbbbbbb"}}))], "next": "x"});
    let merged = check(vec![(merged, Value::Null, 200, answer)], |forge| forge.merged("main")).unwrap();
    assert_eq!((merged[0].state, merged[0].merge_commit.as_deref()), (State::Merged, Some("bbbbbbbbbbbb")));

    let body = json!({
        "type": "pullrequest",
        "title": "t", "description": "b", "source": {"branch": {"name": "x"}}, "destination": {"branch": {"name": "main"}}, "close_source_branch": true,
    });
    let new = NewPullRequest { head: "x".into(), base: "main".into(), title: "t".into(), body: "b".into() };
    check(vec![("POST /pullrequests", body, 201, pull(&json!({})))], |forge| forge.create(&new)).unwrap();
    let change = Change { title: "t".into(), body: "b".into() };
    check(
        vec![(
            "PUT /pullrequests/7",
            json!({"type": "pullrequest", "title": "t", "description": "b"}),
            200,
            pull(&json!({})),
        )],
        |forge| forge.update(7, &change),
    )
    .unwrap();
    check(vec![("POST /pullrequests/7/decline", json!({}), 200, pull(&json!({"state": "DECLINED"})))], |forge| {
        forge.close(7)
    })
    .unwrap();
}

#[test]
fn the_head_is_read_right_before_a_merge() {
    let merge = |method| Merge { head: HEAD.into(), method, title: "t".into(), message: "m".into() };
    let read = ("GET /pullrequests/7", Value::Null, 200, pull(&json!({})));
    for (method, strategy) in
        [(MergeMethod::Merge, "merge_commit"), (MergeMethod::Squash, "squash"), (MergeMethod::Rebase, "fast_forward")]
    {
        let body = json!({"type": "pullrequest_merge_parameters", "merge_strategy": strategy, "message": "t\n\nm", "close_source_branch": true});
        check(
            vec![read.clone(), ("POST /pullrequests/7/merge", body, 200, pull(&json!({"state": "MERGED"})))],
            |forge| forge.merge(7, &merge(method)),
        )
        .unwrap();
    }
    let moved =
        pull(&json!({"source": {"branch": {"name": "x"}, "commit": {"hash": "cccccccccccc"}, "repository": null}}));
    let error = check(vec![("GET /pullrequests/7", Value::Null, 200, moved)], |forge| {
        forge.merge(7, &merge(MergeMethod::Merge))
    })
    .unwrap_err();
    assert!(matches!(error, Error::HeadMoved { .. }), "{error}");
    let body = json!({"type": "pullrequest_merge_parameters", "merge_strategy": "squash", "message": "t\n\nm", "close_source_branch": true});
    let refused =
        json!({"type": "error", "error": {"message": "You can't merge until you resolve all merge conflicts."}});
    let error = check(vec![read, ("POST /pullrequests/7/merge", body, 400, refused)], |forge| {
        forge.merge(7, &merge(MergeMethod::Squash))
    })
    .unwrap_err();
    assert!(matches!(&error, Error::NotMergeable { message, .. } if message.contains("conflicts")), "{error}");
}

#[test]
fn a_comment_is_known_by_a_mark_that_needs_no_html() {
    let list = "GET /pullrequests/7/comments?pagelen=100&page=1";
    let comments = json!({"values": [
        {"id": 1, "content": {"raw": "[//]: # (plumb:preview)\n\ngone"}, "deleted": true, "user": {"nickname": "plumb"}},
        {"id": 2, "content": {"raw": "[//]: # (plumb:preview)\n\nold"}, "deleted": false, "user": {"nickname": "plumb"}},
    ]});
    let new = json!({"type": "pullrequest_comment", "content": {"raw": "[//]: # (plumb:preview)\n\nnew"}});
    let marker = Marker::new("plumb:preview");
    check(
        vec![
            (list, Value::Null, 200, comments),
            ("PUT /pullrequests/7/comments/2", new.clone(), 200, json!({"id": 2})),
        ],
        |forge| forge.upsert_comment(7, &marker, "new"),
    )
    .unwrap();
    check(
        vec![
            (list, Value::Null, 200, json!({"values": []})),
            ("POST /pullrequests/7/comments", new, 201, json!({"id": 3})),
        ],
        |forge| forge.upsert_comment(7, &marker, "new"),
    )
    .unwrap();
}

#[test]
fn labels_are_no_error_where_there_are_none() {
    let label = [Label { name: "plumb".into(), colour: "1d76db".into(), description: "d".into() }];
    check(vec![], |forge| {
        assert!(!forge.capabilities().labels && !forge.capabilities().html && !forge.capabilities().guards_head);
        forge.add_labels(7, &label)
    })
    .unwrap();
}

#[test]
fn statuses_have_a_url_and_a_short_key() {
    let (url, thread) = expect(
        "/2.0/repositories/acme/platform",
        "Bearer a-token",
        vec![(
            "POST /commit/6dcb09b5b57875f334f61aebed695e2e4193db5e/statuses/build",
            json!({"type": "build", "key": "plumb/gate", "name": "plumb/gate", "state": "INPROGRESS", "description": "d", "url": "https://plumb.example.com"}),
            201,
            json!({"key": "plumb/gate"}),
        )],
    );
    let address = Address::of("git@bitbucket.org:acme/platform.git", Some(Kind::Bitbucket), Some(&url)).unwrap();
    let forge = connect(&address, Credentials::Token("a-token".into())).unwrap();
    let url = Some("https://plumb.example.com".into());
    forge
        .set_status(
            HEAD,
            &Status { name: "plumb/gate".into(), state: StatusState::Pending, description: "d".into(), url },
        )
        .unwrap();
    thread.join().unwrap();

    let list = "GET /commit/6dcb09b5b57875f334f61aebed695e2e4193db5e/statuses?pagelen=100&page=1";
    let all =
        json!({"values": [{"key": "k", "name": null, "state": "STOPPED", "description": null, "url": "https://x"}]});
    let read = check(vec![(list, Value::Null, 200, all)], |forge| forge.statuses(HEAD)).unwrap();
    assert_eq!((read[0].name.as_str(), read[0].state), ("k", StatusState::Failure));
}

#[test]
fn reviews() {
    let participants = json!([
        {"user": {"nickname": "ada", "display_name": "Ada"}, "role": "REVIEWER", "approved": true, "state": "approved"},
        {"user": {"nickname": "ben", "display_name": "Ben"}, "role": "PARTICIPANT", "approved": false, "state": null},
    ]);
    let read =
        check(vec![("GET /pullrequests/7", Value::Null, 200, pull(&json!({"participants": participants})))], |forge| {
            forge.reviews(7)
        })
        .unwrap();
    assert_eq!((read.len(), read[0].author.as_str(), read[0].state), (1, "ada", ReviewState::Approved));
    let read = ("GET /pullrequests/7", Value::Null, 200, pull(&json!({})));
    let body = json!({"type": "pullrequest", "title": "Promote", "reviewers": [{"type": "user", "uuid": "{b3}"}, {"type": "user", "account_id": "557058:x"}]});
    check(vec![read, ("PUT /pullrequests/7", body, 200, pull(&json!({})))], |forge| {
        forge.request_reviews(7, &["{b3}".into(), "557058:x".into()])
    })
    .unwrap();
}
