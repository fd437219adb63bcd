//! Git as Plumb uses it: fetch, trees, trailers, commit and push.
