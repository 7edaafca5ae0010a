//! The images that jobs run in, made of `images/NAME` and known by a hash of it.
//!
//! ```text
//! images/NAME ─► hash ─► is there? ─► its id
//!                   └─► Dockerfile, where a registry can be reached ──────► build  ─┐
//!                   └─► debian.txt + requirements.txt: mmdebstrap, pip ───► import ─┴─► cyxwiz/NAME:HASH
//! ```

mod debian;
mod recipe;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use self::recipe::{Recipe, Route};
use crate::cmd::{cmd, run as run_command};
use crate::containers::{self, Engine, api};
use crate::place::Place;

/// Which image is made.
#[derive(Args)]
pub(crate) struct Options {
    /// The folder below `images/`
    image: Image,
    /// Build PyTorch for CUDA; needs a registry
    #[arg(long)]
    cuda: bool,
}

/// An image that we have a recipe of.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Image {
    /// Python and pip, for tests
    Python,
    /// PyTorch and what goes with it
    Pytorch,
}

impl Image {
    /// Its folder, and what jobs call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Pytorch => "pytorch",
        }
    }
}

/// An image that the engine has.
pub(crate) struct Built {
    /// `cyxwiz/NAME:HASH`.
    pub(crate) tag: String,
    /// `sha256:…`, by which a job names it.
    pub(crate) id: String,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let held = containers::ensure(place)?;
    let built = ensure(place, &held.engine, options.image, options.cuda)?;
    println!("{}\n{}", built.tag, built.id);
    Ok(())
}

/// Makes sure that the engine has the image.
pub(crate) fn ensure(place: &Place, engine: &Engine, image: Image, cuda: bool) -> Result<Built> {
    let recipe = Recipe::read(place, image.name(), cuda)?;
    let routes = recipe::routes(std::env::var("CYXWIZ_IMAGES").ok().as_deref(), engine.outbound, cuda)?;
    let tags: Vec<String> = routes.iter().map(|route| recipe.tag(*route)).collect();
    for tag in &tags {
        if let Some(id) = api::image_id(engine, tag) {
            return Ok(Built { tag: tag.clone(), id });
        }
    }
    let mut refusals = Vec::new();
    for (route, tag) in routes.into_iter().zip(tags) {
        eprintln!("making {tag} ({}); the first time takes minutes", route.describe());
        let made = match route {
            Route::Dockerfile => dockerfile(place, engine, &recipe, &tag, cuda),
            Route::Debian => debian::make(place, engine, &recipe, &tag),
        };
        match made {
            Ok(()) => {
                let id =
                    api::image_id(engine, &tag).context("the image was made, but the engine has it not")?;
                return Ok(Built { tag, id });
            }
            Err(error) => refusals.push(format!("{}: {error:#}", route.describe())),
        }
    }
    bail!("cannot make the image `{}`: {}", image.name(), refusals.join("; "))
}

fn dockerfile(place: &Place, engine: &Engine, recipe: &Recipe, tag: &str, cuda: bool) -> Result<()> {
    let dir = debian::work_folder(place, recipe)?;
    let context = dir.join("context.tar");
    run_command(cmd("tar", ["-C"]).arg(&recipe.dir).arg("-cf").arg(&context).arg("."))?;
    let arguments: &[_] = if cuda { &[("TORCH_INDEX", "cu126")] } else { &[] };
    let built = api::build(engine, &context, tag, arguments);
    let _ = std::fs::remove_dir_all(dir);
    built
}
