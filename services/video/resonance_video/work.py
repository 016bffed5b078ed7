"""Names by which service, workflows and activities of a video meet in the engine."""

# Workflows, and activities that read and write documents: they never wait behind a scene.
TASK_QUEUE = "video"
# Activities that use a processor for seconds: listening, scenes, films.
CPU_TASK_QUEUE = "video-cpu"
MAKE_VIDEO = "MakeVideo"
MAKE_SCENE = "MakeScene"
