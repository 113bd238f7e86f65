use std::collections::HashMap;

/// Numbers texts in the order in which they first come.
pub(crate) struct Dictionary {
    codes: HashMap<Vec<u8>, u32>,
    names: Vec<String>,
    /// How many texts there may be; none beyond those that it was made of, if it is fixed.
    most: Option<usize>,
}

/// Why a text has no number.
pub(crate) enum Refused {
    NotUtf8,
    /// There are as many as there may be.
    Full {
        most: usize,
    },
    /// The dictionary is fixed and does not have it.
    Unknown,
}

impl Dictionary {
    /// Takes up to `most` texts.
    pub(crate) fn growing(most: usize) -> Self {
        Dictionary { codes: HashMap::new(), names: Vec::new(), most: Some(most) }
    }

    /// Takes no more texts; number i is `names[i]`.
    pub(crate) fn fixed(names: &[String]) -> Self {
        let codes = (0..).zip(names).map(|(code, name)| (name.clone().into_bytes(), code)).collect();
        Dictionary { codes, names: names.to_vec(), most: None }
    }

    pub(crate) fn code(&mut self, text: &[u8]) -> Result<u32, Refused> {
        if let Some(&code) = self.codes.get(text) {
            return Ok(code);
        }
        let most = self.most.ok_or(Refused::Unknown)?;
        let name = str::from_utf8(text).map_err(|_| Refused::NotUtf8)?;
        let code = u32::try_from(self.names.len()).ok().filter(|&code| (code as usize) < most);
        let code = code.ok_or(Refused::Full { most })?;
        self.codes.insert(text.into(), code);
        self.names.push(name.into());
        Ok(code)
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn into_names(self) -> Vec<String> {
        self.names
    }
}
