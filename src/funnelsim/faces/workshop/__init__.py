"""The workshop page: sliders, a moving funnel, the course formula and exercises, for a room."""
