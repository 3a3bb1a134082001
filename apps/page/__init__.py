"""A page on which anybody plays with the apps: the networks run in the browser, by LiteRT.js, and send nothing.

    python -m apps.page FOLDER --serve

writes a folder for any server of static files, and opens it.
"""
