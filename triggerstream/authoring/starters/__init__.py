"""What a new project begins with: directories of files, one for each kind of business."""
