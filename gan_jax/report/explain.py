"""Explains each number of a run, in one line."""

import fnmatch

# Keyed by the last word of a metric's name, or by name and part. The first key that matches counts.
SAYS = {
    "disc_loss": "what disc minimises, without penalties; alone, it says nothing about samples",
    "gen_loss": "what gen minimises; alone, it says nothing about samples",
    "d_real": "mean probability of being real that disc gives to reals",
    "d_fake": "mean probability of being real that disc gives to samples",
    "acc_real": "share of reals that disc takes for real",
    "acc_fake": "share of samples that disc takes for fake",
    "penalty": "the penalty, before its weight",
    "refused": "updates that were refused because they were not finite",
    "watch/auc": "share of pairs in which disc ranks the real above the sample: 1/2 is chance",
    "watch/gen_grad": "length of gen's gradient: near 0, gen learns nothing more",
    "watch/logit_real": "mean logit of training reals",
    "watch/logit_fake": "mean logit of samples",
    "watch/logit_held": "mean logit of held-out reals: near that of samples if disc overfits",
    "watch/place": "the samples' mean in one fixed direction, in standard deviations of the data",
    "watch/spread": "width of the samples over that of the data",
    "watch/variety": "1: as varied as the data; 1/8: two samples are alike eight times as often",
    "watch/*": "a signal that diagnosis uses",
    "modes": "number of the mixture's modes that samples reach",
    "high_quality": "share of samples within three standard deviations of a mode",
    "reverse_kl_with_junk": "KL of the frequencies of modes, with junk as one more: 0 is even",
    "reverse_kl*": "KL(gen || data): large where samples lie outside the data",
    "kl": "KL(data || gen): large where data are missed",
    "js": "Jensen-Shannon divergence of data and gen: 0 if they agree, log 2 at most",
    "total_variation": "half the integral of the densities' difference: 0 to 1",
    "ks": "largest gap between the distribution functions of samples and data",
    "mean": "mean of the samples",
    "std": "standard deviation of the samples",
    "disc_gap": "mean distance of D from the best disc for these samples",
    "classes": "classes that a classifier finds among the samples",
    "confidence": "mean probability of the class that the classifier finds likeliest",
    "accuracy": "share that the classifier labels correctly",
    "label_accuracy": "share of samples that show the class they were asked for",
    "frechet*": "Fréchet distance of features: 0 for the data themselves",
    "kernel*": "kernel distance (KID) of features: 0 for the data themselves",
    "inception*": "inception score: larger where samples are clear and of many classes",
    "precision*": "share of samples that lie among the data",
    "recall*": "share of the data that lie among samples",
    "density*": "how densely data lie around samples: 1 is as around the data",
    "coverage*": "share of the data with a sample nearby",
    "parzen*": "log-likelihood of test data under windows around samples",
    "ms_ssim*": "similarity of pairs of samples: 1 is identical",
    "intra_frechet": "Fréchet distance within a class, the mean over classes",
    "intra_coverage": "coverage within a class, the mean over classes",
    "intra_spread*": "variation among samples of a class over that among its test images",
    "nearest*": "distance of samples to training examples: very small if memorised",
}


def explain(metric: str) -> str:
    """What a metric of that name means, or an empty text."""
    name = metric.rpartition("/")[2].removesuffix("_real") if "watch/" not in metric else metric
    known = SAYS.get(metric) or SAYS.get(name)
    return known or next((s for k, s in SAYS.items() if fnmatch.fnmatchcase(name, k)), "")
