use std::collections::HashSet;

use vyr_model::{DirGrant, EnvGrant, Grants, HttpOutGrant};
use vyr_proto::control;

use super::Refusal;

const MAX_ENV: usize = 256;
const MAX_DIRS: usize = 64;
const MAX_HTTP: usize = 64;
/// Where the guest sees its output folder.
const OUT: &str = "/out";

/// Parses what a task may reach; `out_dir` says that it has an output folder.
pub(super) fn grants(asked: Option<&control::Grants>, out_dir: bool) -> Result<Grants, Refusal> {
    let Some(asked) = asked else { return Ok(Grants::default()) };
    let counts = [
        ("resources.grants.env", asked.env.len(), MAX_ENV),
        ("resources.grants.dirs", asked.dirs.len(), MAX_DIRS),
        ("resources.grants.http_out", asked.http_out.len(), MAX_HTTP),
    ];
    if let Some((field, count, most)) = counts.into_iter().find(|(_, count, most)| count > most) {
        let mend = format!("send at most {most}");
        return Err(Refusal::field(field, format!("{count} grants are too many"), mend));
    }
    let mut names = HashSet::new();
    let env = asked.env.iter().map(|grant| {
        let parsed = env(grant)?;
        if names.insert(&grant.name) {
            return Ok(parsed);
        }
        let message = format!("the variable `{}` is granted twice", grant.name);
        Err(Refusal::field("resources.grants.env", message, "send each name once"))
    });
    let mut taken: HashSet<String> = out_dir.then(|| OUT.to_owned()).into_iter().collect();
    let dirs = asked.dirs.iter().map(|grant| {
        let parsed = dir(grant)?;
        if taken.insert(normal(&parsed.guest_path)) {
            return Ok(parsed);
        }
        let message = format!("the guest path `{}` stands for two folders", grant.guest_path);
        let mend = "give each folder a guest path of its own; `/out` is the task's, but for `no_output_dir`";
        Err(Refusal::field("resources.grants.dirs", message, mend))
    });
    let http_out = asked.http_out.iter().map(|http| {
        http.authority.parse::<HttpOutGrant>().map_err(|error| {
            Refusal::field("resources.grants.http_out", error.to_string(), "send `HOST:PORT`")
        })
    });
    Ok(Grants {
        env: env.collect::<Result<_, _>>()?,
        dirs: dirs.collect::<Result<_, _>>()?,
        http_out: http_out.collect::<Result<_, _>>()?,
    })
}

fn env(grant: &control::EnvGrant) -> Result<EnvGrant, Refusal> {
    let parsed: Result<EnvGrant, _> = format!("{}={}", grant.name, grant.value).parse();
    parsed.ok().filter(|parsed| parsed.name == grant.name).ok_or_else(|| {
        let message = format!("`{}` is no name of a variable, or its value contains NUL", grant.name);
        Refusal::field("resources.grants.env", message, "send a name without `=` and NUL")
    })
}

fn dir(grant: &control::DirGrant) -> Result<DirGrant, Refusal> {
    let (host_path, guest_path) = (grant.host_path.clone(), grant.guest_path.clone());
    let is_path = |path: &str| !path.is_empty() && !path.contains('\0');
    if !is_path(&host_path) || !is_path(&guest_path) || !host_path.starts_with('/') {
        let message = format!("`{host_path}::{guest_path}` is no folder grant");
        let mend = "send an absolute path of the node's machine and the path that the guest sees";
        return Err(Refusal::field("resources.grants.dirs", message, mend));
    }
    Ok(DirGrant { host_path, guest_path, read_only: grant.read_only })
}

/// Makes `/a//b/./` and `/a/b` the same: a guest takes them for one folder.
fn normal(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    format!("{}{}", if path.starts_with('/') { "/" } else { "" }, parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(grants_of: control::Grants, out_dir: bool) -> Option<String> {
        grants(Some(&grants_of), out_dir).err().map(|refusal| refusal.subject)
    }

    fn dirs(paths: &[&str]) -> control::Grants {
        let dir = |path: &&str| control::DirGrant {
            host_path: "/".to_owned(),
            guest_path: (*path).to_owned(),
            ..Default::default()
        };
        control::Grants { dirs: paths.iter().map(dir).collect(), ..Default::default() }
    }

    #[test]
    fn a_name_or_a_guest_path_stands_once() {
        let env = |name: &str| control::EnvGrant { name: name.to_owned(), ..Default::default() };
        let twice = control::Grants { env: vec![env("A"), env("B"), env("A")], ..Default::default() };
        assert_eq!(refused(twice, true).as_deref(), Some("resources.grants.env"));
        for paths in [&["/a", "/b", "/a"][..], &["/a", "/a/"], &["/a//b", "/a/./b/"], &["/out"]] {
            assert_eq!(refused(dirs(paths), true).as_deref(), Some("resources.grants.dirs"), "{paths:?}");
        }
        assert_eq!(refused(dirs(&["/a", "/a/b", "/b", "a", "/A"]), true), None);
        assert_eq!(refused(dirs(&["/out"]), false), None);
    }
}
