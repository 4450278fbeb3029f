"""`giro demo`: the main job, played through the HTTP API and checked as it goes."""
