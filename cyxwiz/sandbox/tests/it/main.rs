//! Real containers in the engine that `CYXWIZ_DOCKER` names, of the image that `CYXWIZ_IMAGE_PYTHON` names.
