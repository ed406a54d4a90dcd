"""An app that writes down which events its receivers get, as a project's own would."""
