use crate::Error;
use std::collections::HashMap;

/// Makes sure that every class has a name, and one of its own: reports, files and answers tell classes by that.
///
/// # Errors
/// [`Error::SameClassName`] or [`Error::EmptyClassName`].
///
/// ```
/// use chainrule_core::{Error, check_class_names};
/// assert!(check_class_names(&["cat", "dog"]).is_ok());
/// let twice = check_class_names(&["cat", "dog", "cat"]);
/// assert!(matches!(twice, Err(Error::SameClassName { first: 0, second: 2, .. })));
/// ```
pub fn check_class_names<S: AsRef<str>>(names: &[S]) -> Result<(), Error> {
    let mut seen = HashMap::new();
    for (class, name) in names.iter().map(AsRef::as_ref).enumerate() {
        if name.is_empty() {
            return Err(Error::EmptyClassName { class });
        }
        if let Some(first) = seen.insert(name, class) {
            return Err(Error::SameClassName { name: name.to_owned(), first, second: class });
        }
    }
    Ok(())
}
