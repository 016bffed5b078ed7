"""Names by which service, workflows and activities of a video meet in the engine."""

TASK_QUEUE = "video-cpu"
MAKE_VIDEO = "MakeVideo"
MAKE_SCENE = "MakeScene"
