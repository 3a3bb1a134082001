"""A server of the apps in TensorFlow Serving's REST form, by LiteRT: small, quick to start, without TensorFlow.

    python -m apps.serve sentiment word_reversal

answers http://127.0.0.1:8501/v1/models/sentiment:predict as TensorFlow Serving does with the SavedModel in
saved_models/sentiment. It needs `pip install 'keras-rnn[serve]'`.
"""
