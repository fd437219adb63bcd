//! The decisions of continuous delivery, as pure functions over plain data.
