//! `chainrule completions`

use crate::args::{Cli, CompletionsArgs};
use crate::output_directory::OutputDirectory;
use crate::stdout::buffered;
use anyhow::Result;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::io::Write;
use std::path::Path;

pub(super) fn run(args: &CompletionsArgs) -> Result<()> {
    let mut command = Cli::command();
    if let Some(directory) = &args.man {
        return write_pages(&command, directory);
    }
    if let Some(shell) = args.shell {
        // The generator panics where it cannot write; into memory it can.
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command, "chainrule", &mut script);
        let mut out = buffered();
        out.write_all(&script)?;
        out.flush()?;
    }
    Ok(())
}

/// A page for the program and one for each command: `chainrule.1`, `chainrule-train.1`, ….
fn write_pages(command: &Command, directory: &Path) -> Result<()> {
    let mut pages = vec![("chainrule.1".to_owned(), page(command.clone())?)];
    for subcommand in command.get_subcommands() {
        let name = format!("chainrule-{}", subcommand.get_name());
        pages.push((format!("{name}.1"), page(subcommand.clone().display_name(&name).bin_name(name))?));
    }
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    let directory = OutputDirectory::prepare("--man", directory, &names)?;
    pages.iter().try_for_each(|(name, page)| directory.write(name, page))
}

fn page(command: Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(page)
}
