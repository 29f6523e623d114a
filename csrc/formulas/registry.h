// Every operation, a line each. What is listed here becomes a ufunc with its derivative, a docstring, a typed
// signature, a test, a benchmark and a CUDA kernel.
#pragma once

#include "activations/exponential.h"
#include "activations/gated.h"
#include "activations/gelu.h"
#include "activations/hard.h"
#include "activations/mish.h"
#include "activations/rectifiers.h"
#include "activations/shrink.h"
#include "activations/sigmoid.h"
#include "activations/silu.h"
#include "activations/softplus.h"
#include "activations/tanh.h"
#include "losses/binary.h"
#include "losses/cross_entropy.h"
#include "losses/likelihood.h"
#include "losses/margin.h"
#include "losses/regression.h"
#include "optimizers/adabelief.h"
#include "optimizers/adadelta.h"
#include "optimizers/adagrad.h"
#include "optimizers/adam.h"
#include "optimizers/adamax.h"
#include "optimizers/lion.h"
#include "optimizers/nadam.h"
#include "optimizers/radam.h"
#include "optimizers/rmsprop.h"
#include "optimizers/sgd.h"
#include "optimizers/yogi.h"
#include "rows/log_softmax.h"
#include "rows/logsumexp.h"
#include "rows/softmax.h"

NPFUSE_FORMULAS_BEGIN

template <class... Operations>
struct List {};

using Activations = List<  //
    Sigmoid,               //
    LogSigmoid,            //
    Tanh,                  //
    Relu,                  //
    Relu6,                 //
    LeakyRelu,             //
    Prelu,                 //
    Threshold,             //
    Elu,                   //
    Selu,                  //
    Celu,                  //
    Gelu,                  //
    GeluTanh,              //
    QuickGelu,             //
    Silu,                  //
    Swish,                 //
    Mish,                  //
    Softplus,              //
    Softsign,              //
    HardSigmoid,           //
    HardSwish,             //
    HardTanh,              //
    HardShrink,            //
    SoftShrink,            //
    TanhShrink>;

using GatedActivations = List<  //
    SigmoidGlu,                 //
    SwiGlu,                     //
    GeGlu,                      //
    ReGlu>;

using RowOperations = List<  //
    Softmax,                 //
    LogSoftmax,              //
    LogSumExp>;

using Losses = List<      //
    L1Loss,               //
    MseLoss,              //
    HuberLoss,            //
    PseudoHuberLoss,      //
    SmoothL1Loss,         //
    LogCoshLoss,          //
    QuantileLoss,         //
    HingeLoss,            //
    SquaredHingeLoss,     //
    LogisticLoss,         //
    BinaryCrossEntropy,   //
    SigmoidCrossEntropy,  //
    SigmoidFocalLoss,     //
    PoissonNllLoss,       //
    GaussianNllLoss,      //
    KlDiv>;

using RowLosses = List<   //
    SoftmaxCrossEntropy,  //
    NllLoss>;

using Optimizers = List<      //
    Sgd,                      //
    SgdMomentum,              //
    SgdNesterov,              //
    SgdDampened,              //
    Adagrad,                  //
    AdagradInside,            //
    Adadelta,                 //
    RMSprop,                  //
    RMSpropCentered,          //
    RMSpropMomentum,          //
    RMSpropCenteredMomentum,  //
    Adam,                     //
    AdamInside,               //
    AdamAmsgrad,              //
    Adamax,                   //
    NAdam,                    //
    RAdam,                    //
    Yogi,                     //
    AdaBelief,                //
    Lion>;

NPFUSE_FORMULAS_END
