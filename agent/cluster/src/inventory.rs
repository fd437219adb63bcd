//! Where inventories are kept: ConfigMaps beside their Environment.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::ConfigMap,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use plumb_api::Environment;
use plumb_delivery::{FIELD_MANAGER, Inventory, Owner};

use crate::{Cluster, Error};

const INVENTORY_LABEL: &str = "plumb.dev/inventory-of";
const OBJECTS: &str = "objects";

impl Cluster {
    /// Reads what an environment owns: all shards, in one request.
    ///
    /// Shards of an Environment of the same name that was deleted are about to be collected; they count as not there.
    ///
    /// # Errors
    /// When the API server does not answer, or a shard can't be read.
    pub async fn read_inventory(&self, environment: &Environment, owner: &Owner) -> Result<Inventory, Error> {
        let list = self
            .inventory_api(owner)
            .list(&ListParams::default().labels(&format!("{INVENTORY_LABEL}={}", owner.name)))
            .await
            .map_err(|error| Error::request(format!("reading the inventory of environment {}", owner.name), error))?;
        let mut inventory = Inventory::default();
        let uid = environment.meta().uid.as_ref();
        for shard in list
            .into_iter()
            .filter(|shard| shard.owner_references().iter().any(|reference| Some(&reference.uid) == uid))
        {
            let objects =
                shard.data.as_ref().and_then(|data| data.get(OBJECTS)).map(String::as_str).unwrap_or_default();
            let part = Inventory::parse(objects).map_err(|error| Error::Malformed {
                what: format!("ConfigMap {}/{}", owner.namespace, shard.name_any()),
                message: error.to_string(),
            })?;
            inventory.0.extend(part.0);
        }
        Ok(inventory)
    }

    /// Writes the shards that differ from `previous`. Shards beyond the new end go only after the others are written.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn write_inventory(
        &self,
        environment: &Environment,
        owner: &Owner,
        previous: &Inventory,
        inventory: &Inventory,
    ) -> Result<(), Error> {
        let api = self.inventory_api(owner);
        let what = || format!("writing the inventory of environment {}", owner.name);
        let shards = inventory.shards();
        let before = previous.shards();
        for (number, objects) in shards.iter().enumerate() {
            if before.get(number) == Some(objects) && !previous.0.is_empty() {
                continue;
            }
            let map = shard(environment, owner, number, objects);
            let parameters = PatchParams::apply(FIELD_MANAGER).force();
            api.patch_metadata(&name(owner, number), &parameters, &Patch::Apply(&map))
                .await
                .map_err(|error| Error::request(what(), error))?;
        }
        for number in shards.len()..before.len() {
            match api.delete(&name(owner, number), &DeleteParams::default()).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(Error::request(what(), error)),
            }
        }
        Ok(())
    }

    fn inventory_api(&self, owner: &Owner) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), &owner.namespace)
    }
}

fn name(owner: &Owner, number: usize) -> String {
    format!("plumb-inventory-{}-{number}", owner.name)
}

fn shard(environment: &Environment, owner: &Owner, number: usize, objects: &str) -> ConfigMap {
    // The inventory is of no use without its Environment, so the garbage collector takes it along.
    let reference = environment.meta().uid.as_ref().map(|uid| OwnerReference {
        api_version: Environment::api_version(&()).into_owned(),
        kind: Environment::kind(&()).into_owned(),
        name: owner.name.clone(),
        uid: uid.clone(),
        ..OwnerReference::default()
    });
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name(owner, number)),
            namespace: Some(owner.namespace.clone()),
            labels: Some(BTreeMap::from([(INVENTORY_LABEL.to_owned(), owner.name.clone())])),
            owner_references: reference.map(|reference| vec![reference]),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(OBJECTS.to_owned(), objects.to_owned())])),
        ..ConfigMap::default()
    }
}
