//! The filters: each changes the objects in one way, in the order in which [`crate::accumulate`] applies them.

pub(crate) mod annotations;
pub(crate) mod clean_up;
pub(crate) mod field_path;
pub(crate) mod go_json;
pub(crate) mod hash;
pub(crate) mod images;
pub(crate) mod json_patch;
pub(crate) mod label_selector;
pub(crate) mod labels;
pub(crate) mod local_config;
pub(crate) mod merge;
pub(crate) mod merge_list;
pub(crate) mod name_affix;
pub(crate) mod name_reference;
pub(crate) mod namespace;
pub(crate) mod patch_json6902;
pub(crate) mod patch_strategic;
pub(crate) mod ref_var;
pub(crate) mod replacements;
pub(crate) mod replicas;
pub(crate) mod structured;
pub(crate) mod target;
pub(crate) mod value_add;
