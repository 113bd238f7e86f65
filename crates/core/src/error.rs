use crate::OutputKind;
use thiserror::Error;

/// What a caller can get wrong, each with the place, what was expected and what was found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A matrix has the wrong number of columns.
    #[error("{place}: expected {expected} columns, found {found}")]
    Width {
        /// What was being read, for example `"inputs"`.
        place: &'static str,
        /// Columns that the network takes.
        expected: usize,
        /// Columns that it was given.
        found: usize,
    },

    /// A matrix or list has the wrong number of rows.
    #[error("{place}: expected {expected} rows, found {found}")]
    RowCount {
        /// What was being read, for example `"targets"`.
        place: &'static str,
        /// Rows that were needed.
        expected: usize,
        /// Rows that were given.
        found: usize,
    },

    /// There is not a single row where at least one is needed.
    #[error("{place}: there are no rows, expected at least one")]
    Empty {
        /// What was empty, for example `"training rows"`.
        place: &'static str,
    },

    /// A row index is beyond the last row.
    #[error("{place}: row {row} was asked for, but there are {rows} rows")]
    RowOutOfRange {
        /// What was being read.
        place: &'static str,
        /// The index asked for.
        row: usize,
        /// The number of rows there are.
        rows: usize,
    },

    /// A class index is not smaller than the number of classes.
    #[error("targets: the label of row {row} is {label}, expected 0 to {}", .classes.saturating_sub(1))]
    LabelOutOfRange {
        /// Row of the label.
        row: usize,
        /// The label found.
        label: usize,
        /// Number of classes.
        classes: usize,
    },

    /// A target probability is not between 0 and 1.
    #[error("targets: row {row} gives class {class} the probability {}, expected 0 to 1", legible(value))]
    NotAProbability {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        class: usize,
        /// The value found.
        value: f64,
    },

    /// The probabilities of a target row do not sum to 1.
    #[error("targets: the probabilities of row {row} sum to {sum}, expected 1")]
    NotADistribution {
        /// The row.
        row: usize,
        /// The sum found.
        sum: f64,
    },

    /// A predicted probability is not between 0 and 1.
    #[error(
        "probabilities: row {row} gives class {class} the probability {}, expected 0 to 1",
        legible(value)
    )]
    PredictedProbability {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        class: usize,
        /// The value found.
        value: f64,
    },

    /// The predicted probabilities of a row do not sum to 1.
    #[error("probabilities: row {row} sums to {sum}, expected 1")]
    PredictedDistribution {
        /// The row.
        row: usize,
        /// The sum found.
        sum: f64,
    },

    /// Targets are of a kind that the loss cannot compare outputs with.
    #[error("targets: expected {expected}, found {found}")]
    TargetKind {
        /// What the loss takes.
        expected: &'static str,
        /// What it was given.
        found: &'static str,
    },

    /// A target number is outside what the loss takes.
    #[error("targets: row {row}, column {column} holds {}, expected {expected}", legible(value))]
    TargetValue {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        column: usize,
        /// The value found.
        value: f64,
        /// What the loss takes, in words.
        expected: &'static str,
    },

    /// A sample weight is negative, NaN or infinite.
    #[error(
        "sample weights: row {row} has the weight {}, expected a finite number, at least 0",
        legible(value)
    )]
    Weight {
        /// The row.
        row: usize,
        /// The weight found.
        value: f64,
    },

    /// No row of a whole set of samples counts: all are ignored or weigh 0.
    #[error("{place}: every row is ignored or has weight 0, expected at least one that counts")]
    NothingCounts {
        /// `"training rows"`, `"validation rows"`.
        place: &'static str,
    },

    /// A loss was given another number of class weights than there are classes.
    #[error("class weights: expected {expected}, one for each class, found {found}")]
    ClassWeights {
        /// Number of classes.
        expected: usize,
        /// Number of weights.
        found: usize,
    },

    /// A class weight is negative, NaN or infinite.
    #[error(
        "class weights: class {class} has the weight {}, expected a finite number, at least 0",
        legible(value)
    )]
    ClassWeight {
        /// The class.
        class: usize,
        /// The weight found.
        value: f64,
    },

    /// Class weights were asked for, but the loss takes none.
    #[error(
        "class weights: the loss is {loss}, expected one that takes them, such as categorical cross-entropy"
    )]
    ClassWeightsUnsupported {
        /// Name of the loss.
        loss: &'static str,
    },

    /// Balanced class weights were asked for where rows come in portions.
    #[error(
        "class weights: expected given ones, as rows come in portions, found balanced, which wants all rows at once"
    )]
    BalancedPortions,

    /// Something watches validation rows, and there are none.
    #[error("{place}: there are no validation rows, expected some to watch")]
    NoValidation {
        /// What watches them, for example `"early stopping"`.
        place: &'static str,
    },

    /// The share of the training rows that is to be kept back is less than a row.
    #[error(
        "validation rows: a validation_fraction of {} keeps none of {rows} rows back, expected at least one",
        legible(fraction)
    )]
    NoneKeptBack {
        /// The share.
        fraction: f64,
        /// The training rows.
        rows: usize,
    },

    /// The label that is to be ignored is that of a class.
    #[error("ignored label: {label} is a class, expected a label of {classes} or more")]
    IgnoredLabel {
        /// The label.
        label: usize,
        /// Number of classes.
        classes: usize,
    },

    /// A residual block does not give as many columns as it takes.
    #[error(
        "network: the residual block before layer {layer} takes {expected} columns and gives {found}, expected as many"
    )]
    ResidualWidth {
        /// Position of the layer that adds what the block took to what it gave.
        layer: usize,
        /// Columns that the block takes.
        expected: usize,
        /// Columns that it gives.
        found: usize,
    },

    /// A number is NaN or infinite: an input, or an output that overflowed.
    #[error("{place}: row {row}, column {column} holds {}, expected a finite number", legible(value))]
    NotFinite {
        /// What was being read.
        place: &'static str,
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        column: usize,
        /// The value found: NaN or an infinity.
        value: f64,
    },

    /// A hyper-parameter is outside its range.
    #[error("{name} is {}, expected {expected}", legible(value))]
    Setting {
        /// Name of the setting, for example `"learning_rate"`.
        name: &'static str,
        /// The range in words, for example `"a finite number above 0"`.
        expected: &'static str,
        /// The value found.
        value: f64,
    },

    /// What one column is scaled by is out of range.
    #[error("column {column}: {source}")]
    Column {
        /// The column.
        column: usize,
        /// Which setting, and what it may be.
        source: Box<Error>,
    },

    /// A network has no layers.
    #[error("network: there are no layers, expected at least one")]
    NoLayers,

    /// A layer has no inputs or no outputs.
    #[error("network: layer {layer} ({name}) is {inputs} wide in and {outputs} out, expected at least 1")]
    ZeroWidth {
        /// Position of the layer, from 0.
        layer: usize,
        /// Kind of layer.
        name: &'static str,
        /// Inputs of the layer.
        inputs: usize,
        /// Outputs of the layer.
        outputs: usize,
    },

    /// A layer takes another number of columns than the one before it gives.
    #[error(
        "network: layer {layer} ({name}) takes {found} columns, expected {expected} from the layer before"
    )]
    LayerWidth {
        /// Position of the layer, from 0.
        layer: usize,
        /// Kind of layer.
        name: &'static str,
        /// Columns that the layer before gives.
        expected: usize,
        /// Columns that this layer takes.
        found: usize,
    },

    /// A layer's own check says no.
    #[error("network: layer {layer} ({name}): {source}")]
    Layer {
        /// Position of the layer, from 0.
        layer: usize,
        /// Kind of layer.
        name: &'static str,
        /// What it says.
        source: Box<Error>,
    },

    /// What a parameter's size costs, or may be, is out of range.
    #[error("network: layer {layer} ({name}), parameter {parameter}: {source}")]
    Parameter {
        /// Position of the layer, from 0.
        layer: usize,
        /// Kind of layer.
        name: &'static str,
        /// Name of the parameter.
        parameter: &'static str,
        /// Which setting, and what it may be.
        source: Box<Error>,
    },

    /// Two parameters of a layer have the same name.
    #[error(
        "network: layer {layer} ({name}) has two parameters called {parameter}, expected a name for each"
    )]
    ParameterName {
        /// Position of the layer, from 0.
        layer: usize,
        /// Kind of layer.
        name: &'static str,
        /// The name of both.
        parameter: &'static str,
    },

    /// A parameter has no numbers.
    #[error(
        "network: layer {layer} ({name}), parameter {parameter} is {rows} × {columns}, expected at least one row and one column"
    )]
    EmptyParameter {
        /// Position of the layer, from 0.
        layer: usize,
        /// Kind of layer.
        name: &'static str,
        /// Name of the parameter.
        parameter: &'static str,
        /// Rows of the parameter.
        rows: usize,
        /// Columns of the parameter.
        columns: usize,
    },

    /// A network is too large for this machine's addresses or memory.
    #[error("network: layer {layer} ({name}) has more parameters than this machine can hold")]
    TooLarge {
        /// Position of the layer, from 0.
        layer: usize,
        /// Kind of layer.
        name: &'static str,
    },

    /// The inputs are so large that the gradient at the start is beyond all numbers.
    #[error("inputs: the gradient where all parameters are 0 is not finite; scale the inputs")]
    GradientOverflow,

    /// A loss was given to a network whose outputs are not what it expects: probabilities for a loss of logits, for example.
    #[error("loss: {loss} expects {expected}, found {found}, as the network ends in {layer}")]
    LossOfOthers {
        /// Name of the loss.
        loss: &'static str,
        /// What it expects.
        expected: OutputKind,
        /// What the network gives.
        found: OutputKind,
        /// Name of the last layer.
        layer: &'static str,
    },

    /// An accuracy was asked for that says nothing about such outputs and targets.
    #[error("accuracy: {accuracy} accuracy says nothing about {found}, expected {expected}")]
    AccuracyOfOthers {
        /// Name of the accuracy.
        accuracy: &'static str,
        /// The outputs and targets, in words.
        found: &'static str,
        /// The accuracies that would fit.
        expected: &'static str,
    },

    /// A classifier does not end in the layers that are needed.
    #[error("network: expected the last layers to be {expected}")]
    LastLayers {
        /// The layers, in words.
        expected: &'static str,
    },

    /// A classifier was given another number of class names than it has classes.
    #[error("class names: expected {expected}, one for each class, found {found}")]
    ClassNames {
        /// Number of classes.
        expected: usize,
        /// Number of names.
        found: usize,
    },

    /// Two classes have the same name.
    #[error(
        "class names: classes {first} and {second} are both named {name:?}, expected a name of its own for each"
    )]
    SameClassName {
        /// The name.
        name: String,
        /// The first class of that name, from 0.
        first: usize,
        /// The next one.
        second: usize,
    },

    /// A class has a name without a character.
    #[error("class names: the name of class {class} is empty, expected at least one character")]
    EmptyClassName {
        /// The first such class, from 0.
        class: usize,
    },

    /// A buffer (parameters, gradient) has the wrong length.
    #[error("{place}: expected {expected} numbers, found {found}")]
    Length {
        /// What the buffer holds.
        place: &'static str,
        /// Numbers needed.
        expected: usize,
        /// Numbers given.
        found: usize,
    },

    /// A tape or scratch was made for a network of other widths.
    #[error("{place}: it was made for layer widths {found:?}, expected {expected:?}")]
    OtherNetwork {
        /// `"tape"` or `"scratch"`.
        place: &'static str,
        /// Widths of this network: its inputs, then each layer's outputs.
        expected: Vec<usize>,
        /// Widths of the network that the tape was made for.
        found: Vec<usize>,
    },

    /// A tape has fewer rows than the batch.
    #[error("{place}: it holds {capacity} rows, expected room for {rows}")]
    Capacity {
        /// `"tape"` or `"scratch"`.
        place: &'static str,
        /// Rows that it can hold.
        capacity: usize,
        /// Rows that it was given.
        rows: usize,
    },

    /// Training left the finite numbers.
    #[error(
        "training: in epoch {epoch}, batch {batch}, the {what} of layer {layer} ({name}) came to {}, expected finite \
         numbers; try a smaller learning rate, a bound on the gradient (clipping), or inputs scaled to about -1 to 1",
        legible(value)
    )]
    Diverged {
        /// Epoch, from 1.
        epoch: usize,
        /// Batch within the epoch, from 1.
        batch: usize,
        /// Position of the first layer that is not finite, from 0.
        layer: usize,
        /// Kind of layer.
        name: &'static str,
        /// `"outputs"`, `"output gradients"`, `"parameters"`, or `"loss"`, which is then that of the last layer.
        what: &'static str,
        /// The first number that is not finite.
        value: f64,
    },

    /// A checkpoint could not be written or read: a `ModelFileError` of chainrule-models, which says which file, and why.
    #[error(transparent)]
    Checkpoint(Box<dyn std::error::Error + Send + Sync>),

    /// A checkpoint is of another training than the one that should go on from it.
    #[error("{path}: {setting}: expected {expected}, as in the training of this checkpoint, found {found}", path = path.display())]
    OtherTraining {
        /// The file.
        path: std::path::PathBuf,
        /// What differs, for example `"batch_size"`.
        setting: String,
        /// What it was.
        expected: String,
        /// What it is now.
        found: String,
    },

    /// The operating system gave no threads.
    #[error("threads: {count} could not be started")]
    Threads {
        /// Threads asked for.
        count: usize,
        /// What the thread pool said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The processes of a training can no longer exchange numbers.
    #[error("communication between the ranks: {operation} failed")]
    Communication {
        /// What they were doing, for example `"sum"`.
        operation: &'static str,
        /// What the communicator says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// Another process of the training failed, so that this one cannot go on.
    #[error("rank {rank}: {message}")]
    OtherRank {
        /// The first rank that failed.
        rank: usize,
        /// What it says of it.
        message: String,
    },

    /// Two processes were to do another training each.
    #[error("{setting}: expected {expected}, as on rank 0, found {found}")]
    OtherOnRank {
        /// What differs, for example `"batch_size"`.
        setting: String,
        /// What it is on rank 0.
        expected: String,
        /// What it is here.
        found: String,
    },

    /// There are more processes than rows to train on.
    #[error("training: there are {ranks} ranks for {rows} rows, expected no more ranks than rows")]
    MoreRanksThanRows {
        /// Processes.
        ranks: usize,
        /// Rows to train on.
        rows: usize,
    },

    /// The parameters of the processes are no longer the same.
    #[error(
        "training: after {place}, the parameters of rank {rank} are not those of rank 0, expected the same bits"
    )]
    RanksDrifted {
        /// When they were compared, for example `"epoch 3"`.
        place: String,
        /// The first rank that differs.
        rank: usize,
    },

    /// `CHAINRULE_SIMD` names no level of vector instructions.
    #[error("CHAINRULE_SIMD: expected portable, avx2 or avx512, found {found:?}")]
    SimdLevel {
        /// What it says.
        found: String,
    },

    /// A user's source of rows failed.
    #[error("reading rows failed")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A number without hundreds of digits.
fn legible(value: &f64) -> String {
    let plain = *value == 0.0 || !value.is_finite() || (1e-9..1e16).contains(&value.abs());
    if plain { value.to_string() } else { format!("{value:e}") }
}
