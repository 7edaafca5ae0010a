use clap::ValueEnum;

/// How the shown binaries are built.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// As the tests have them
    Dev,
    /// As people have them
    Release,
}

impl Profile {
    /// The folder below cargo's target folder.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }

    /// What cargo is told. For `dev` the whole workspace, as `./x test` builds it: of fewer packages cargo takes other
    /// features, and would make everything once more.
    pub(crate) fn build(self, packages: &[&'static str]) -> Vec<&'static str> {
        match self {
            Self::Dev => vec!["build", "--workspace", "--all-targets", "--locked"],
            Self::Release => {
                let named = packages.iter().flat_map(|&package| ["-p", package]);
                ["build", "--release", "--locked"].into_iter().chain(named).collect()
            }
        }
    }
}
