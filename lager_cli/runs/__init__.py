"""Runs of scripts: started, waited for, detached, attached to again, ended."""
