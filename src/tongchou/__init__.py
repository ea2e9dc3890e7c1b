"""Tongchou (统筹): policy as data, one exact engine."""
