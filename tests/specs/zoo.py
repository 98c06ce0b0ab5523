"""What is known of the lecture's networks, and which spec is which of them.

`zoo_facts.json` has, for each network, its source, input, `total_params`, `macs` and layers (`op`, `out`, `params`,
`macs`), in the order of the source. Nothing in it was computed by netspec: the rows come from the prototxt files of
Caffe, the authors' and VGG's releases, from forward hooks on torchvision 0.29.2, and by hand from the tables of the
papers that `source` names. Multiply-accumulates are those of convolutions and matrix products, without biases.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Member:
    """A shipped spec, with values of its arguments. `training`: the fact is about the network with its heads."""

    spec: str
    settings: tuple[str, ...] = ()
    training: bool = False


def _member(text: str) -> Member:
    spec, *settings = text.split()
    return Member(spec, tuple(each for each in settings if each != "train"), "train" in settings)


#: Network of the facts -> spec.
SPECS = {
    name: _member(text)
    for name, text in {
        "mcculloch_pitts": "mcculloch_pitts",
        "rosenblatt_perceptron": "perceptron",
        "shallow_classifier_4_1": "shallow_classifier",
        "mlp_one_hidden_4_3_1": "mlp_one_hidden hidden=3",
        "mlp_one_hidden_4_5_1": "mlp_one_hidden",
        "mlp_two_hidden_4_5_3_1": "mlp_two_hidden",
        "mlp_two_hidden_4_5_5_1": "mlp_two_hidden hidden=[5,5]",
        "mlp_two_hidden_4_4_3_1": "mlp_two_hidden hidden=[4,3]",
        "universal_approximation_1_100_1": "universal_approximation",
        "deep_sigmoid_mlp_1x30": "deep_sigmoid_mlp depth=1",
        "deep_sigmoid_mlp_2x30": "deep_sigmoid_mlp depth=2",
        "deep_sigmoid_mlp_3x30": "deep_sigmoid_mlp depth=3",
        "deep_sigmoid_mlp_4x30": "deep_sigmoid_mlp depth=4",
        "autoencoder_4_2_4": "autoencoder",
        "autoencoder_4_3_4": "autoencoder hidden=3",
        "stacked_autoencoder_5_4_5": "stacked_autoencoder depth=1",
        "stacked_autoencoder_5_4_3_4_5": "stacked_autoencoder depth=2",
        "stacked_autoencoder_5_4_3_2_3_4_5": "stacked_autoencoder",
        "pretrained_classifier_5_4_3_2_1": "pretrained_classifier",
        "pretrained_classifier_5_4_3_1": "pretrained_classifier depth=2",
        "deep_autoencoder_hinton2006": "deep_autoencoder",
        "deep_autoencoder_caffe": "deep_autoencoder",
        "sda_lisa_784_1000_1000_1000_10": "mnist_pretrained_classifier",
        "fully_connected_28x28": "fully_connected_28x28",
        "locally_connected_5x5_grey": "local_receptive_field",
        "locally_connected_5x5_rgb": "local_receptive_field_rgb",
        "single_filter_grey": "shared_filter",
        "single_filter_rgb": "shared_filter_rgb",
        "conv_layer_grey_3maps": "conv_layer",
        "conv_layer_rgb_20maps": "conv_layer_rgb",
        "pool_max": "pooling",
        "pool_average": "pooling kind=average",
        "pool_l2": "pooling kind=l2",
        "mnist_convnet_nielsen": "mnist_convnet",
        "mnist_convnet_nielsen_two_conv": "mnist_convnet_two_conv",
        "mnist_convnet_nielsen_dropout": "mnist_convnet_dropout",
        "lenet5_1998": "lenet5",
        "lenet5_modern": "lenet5_modern",
        "lenet_caffe": "lenet_caffe",
        "alexnet_grouped_caffe": "alexnet alpha=1e-4 k=1",
        "caffenet": "alexnet alpha=1e-4 k=1 pool_first=true",
        "alexnet_2012_paper": "alexnet",
        "alexnet_ungrouped": "alexnet groups=1",
        "zfnet_a": "zfnet",
        "zfnet_b": "zfnet variant=b",
        "zf_faster_rcnn_conv1_5": "zf_faster_rcnn",
        "vgg_A": "vgg11",
        "vgg_B": "vgg13",
        "vgg_C": "vgg16_c",
        "vgg_D": "vgg16",
        "vgg_E": "vgg19",
        "vgg16_caffe": "vgg16",
        "vgg19_caffe": "vgg19",
        "googlenet_2014": "googlenet_2014",
        "googlenet_2014_aux": "googlenet_2014 train",
        "resnet50_2015_caffe": "resnet50 authors_stride=true stem_bias=true",
        "resnet101_2015_caffe": "resnet101 authors_stride=true",
        "resnet152_2015_caffe": "resnet152 authors_stride=true",
        "torchvision_alexnet": "alexnet_torchvision",
        "torchvision_vgg11": "vgg11",
        "torchvision_vgg11_bn": "vgg11 batch_norm=true",
        "torchvision_vgg13": "vgg13",
        "torchvision_vgg13_bn": "vgg13 batch_norm=true",
        "torchvision_vgg16": "vgg16",
        "torchvision_vgg16_bn": "vgg16 batch_norm=true",
        "torchvision_vgg19": "vgg19",
        "torchvision_vgg19_bn": "vgg19 batch_norm=true",
        "torchvision_googlenet_aux": "googlenet train",
        "torchvision_googlenet": "googlenet",
        "torchvision_resnet18": "resnet18",
        "torchvision_resnet34": "resnet34",
        "torchvision_resnet50": "resnet50",
        "torchvision_resnet101": "resnet101",
        "torchvision_resnet152": "resnet152",
        "resnet18_option_A": "resnet18 shortcut=A",
        "resnet34_option_A": "resnet34 shortcut=A",
    }.items()
}

#: Networks of the facts that are no ConvNet no plain perceptron and no autoencoder: word vectors, recurrent networks.
OTHERS = frozenset(
    """
    word2vec_V10000_D100_negative_sampling word2vec_V10000_D100_hierarchical_softmax word2vec_googlenews_300
    svd_log_cooccurrence_V10000_D100
    vanilla_rnn_128_128 lstm_128_128 gru_128_128 unrolled_rnn_128_128_T10 lstm_1997_128_128 lstm_peephole_128_128
    lstm1997_adding_problem lstm1997_temporal_order_6a lstm1997_temporal_order_6b min_char_rnn_hello
    karpathy_1_one_to_one karpathy_2_one_to_many karpathy_3_many_to_one karpathy_4_many_to_many_delayed
    karpathy_5_many_to_many_synced char_lstm_V65_2x128 char_rnn_V65_2x128 char_gru_V65_2x128 char_lstm_V65_2x512
    char_lstm_V65_3x512 seq2seq_sutskever2014 bahdanau_rnnsearch50 dl4mt_session2 im2txt_show_and_tell
    show_and_tell_paper_V12000 sentiment_lstm_lisa sentiment_lstm_keras video_ng2015_lstm_head lrcn_activity
    """.split()
)


@cache
def facts() -> dict[str, dict[str, Any]]:
    """Every network of the file."""
    found: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "zoo_facts.json").read_text("utf-8"))
    return found
