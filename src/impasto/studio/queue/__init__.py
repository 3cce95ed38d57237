"""What is queued, running and done: jobs as folders, lanes, and the processes that compute."""
