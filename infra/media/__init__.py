"""Video and pictures: exact time, safe reading of untrusted files, encoding, joining and checking of results.

Everything that parses a file from outside runs in an ffmpeg or ffprobe child process with limits; only frames that
this program made itself are handed to a library inside the process.
"""
