from setuptools import Extension, setup

setup(ext_modules=[Extension("uses_answer", ["uses_answer.c"], libraries=["answer"])])
