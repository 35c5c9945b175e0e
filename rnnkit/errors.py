"""The errors a user can meet. Each is also the standard error a caller would expect."""


class RnnkitError(Exception):
    """Base of every error that rnnkit raises on purpose."""


class ArgumentError(RnnkitError, ValueError):
    """An argument has a value that cannot be used."""


class DataError(RnnkitError, ValueError):
    """Data, a column or a file does not have the form that was asked for."""


class DownloadError(RnnkitError, OSError):
    """A public data set could not be fetched, or arrived with the wrong bytes."""


class ModelFileError(RnnkitError, OSError):
    """A saved model cannot be read."""


class DeviceError(RnnkitError, RuntimeError):
    """The device that was asked for is not there."""


class WriteError(RnnkitError, OSError):
    """Something cannot be written: the disk is full, or the folder is read-only."""


class ResumeError(RnnkitError, RuntimeError):
    """A saved training cannot be gone on with."""
