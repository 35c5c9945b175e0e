"""Names of other libraries that their makers keep private or do not document, all behind one door.

Each says why it is needed and which public way is missing. `tests/rnnkit/compat/` has a canary for each, which
fails when the name is gone or means something else; `tests/canaries.sh` runs them against Keras' next version. Nothing
here has a default for a name that is missing: an error that names it is better than a wrong result.

A module for each library and part of it; others import from here. Libraries are imported inside the functions, so that
importing this costs nothing.
"""

# ruff: noqa: F401
from rnnkit.compat.fits import (
    arrays_of,
    begin_at_batch,
    begin_at_epoch,
    follow_fits,
    is_generator,
    make_variables,
    random_state_variable,
    rewrite_csv,
    running_fit,
    state_names,
    wait_for_callbacks,
    without_model,
)
from rnnkit.compat.gradients import (
    CLIP,
    SUM_GRADIENTS,
    every_apply,
    gradient_methods,
    loss_tracker,
    replace,
    restore,
    variables_of,
)
from rnnkit.compat.models import (
    LOOPS,
    OpenOptimizer,
    OpenRNN,
    OpenTrainer,
    index_of,
    last_history,
    layers_of,
    moments,
    py_dataset_adapter,
    recurrent_loop,
    run_graph,
)
from rnnkit.compat.sharing import (
    is_shared,
    mend_trainer,
)
from rnnkit.compat.tensorflow import (
    START_UP,
    gather_from_workers,
    global_seed,
    gradient_registry,
    has_lost_worker,
    has_started,
    is_op_determinism_enabled,
    merges_replicas,
    own_sigterm,
    quiet_start,
    sum_from_workers,
)
from rnnkit.compat.tuner import (
    chief_messages,
    chief_service,
    forget_retry,
    own_oracle,
    resume_grid,
    search_files_by,
    without_trial_tracebacks,
)
