"""The sets this package knows by name: where they come from, their licence, their files and checksums."""

from dataclasses import dataclass

# Checksums: md5 as published on the home page of each set (for MNIST as torchvision pins them); sha256 of the same files.
# An http address is safe here, as a file that fails its sha256 is thrown away.


@dataclass(frozen=True)
class KnownFile:
    """A file of a known set.

    Attributes:
        name: in the cache directory.
        size: in bytes.
        md5, sha256: checksums, in hexadecimal.
        urls: where it is found; tried in this order.
    """

    name: str
    size: int
    md5: str
    sha256: str
    urls: tuple[str, ...]


@dataclass(frozen=True)
class KnownSet:
    """A set of images with a name.

    Attributes:
        name: what the user types.
        title: for people.
        home: its home page.
        licence: as its authors state it.
        count: images in all its splits.
        image: (channels, height, width).
        class_names: in the order of the labels.
        files: to be fetched; none for a set that comes with this package.
    """

    name: str
    title: str
    home: str
    licence: str
    count: int
    image: tuple[int, int, int]
    class_names: tuple[str, ...]
    files: tuple[KnownFile, ...] = ()

    @property
    def size(self) -> int:
        """Bytes to fetch in all."""
        return sum(file.size for file in self.files)

    @property
    def embedded(self) -> bool:
        """Whether it comes with this package and needs no network."""
        return not self.files


CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
DIGITS = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
OBJECTS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

FASHION_URLS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)
MNIST_URLS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")
CIFAR_URLS = ("https://www.cs.toronto.edu/~kriz/",)


def _file(name: str, size: int, md5: str, sha256: str, places: tuple[str, ...]) -> KnownFile:
    """A file that has the same name at every place."""
    return KnownFile(name, size, md5, sha256, tuple(place + name for place in places))


FASHION_FILES = (
    _file(
        "train-images-idx3-ubyte.gz",
        26421880,
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        FASHION_URLS,
    ),
    _file(
        "train-labels-idx1-ubyte.gz",
        29515,
        "25c81989df183df01b3e8a0aad5dffbe",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        FASHION_URLS,
    ),
    _file(
        "t10k-images-idx3-ubyte.gz",
        4422102,
        "bef4ecab320f06d8554ea6380940ec79",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        FASHION_URLS,
    ),
    _file(
        "t10k-labels-idx1-ubyte.gz",
        5148,
        "bb300cfdad3c16e7a12a480ee83cd310",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        FASHION_URLS,
    ),
)
MNIST_FILES = (
    _file(
        "train-images-idx3-ubyte.gz",
        9912422,
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        MNIST_URLS,
    ),
    _file(
        "train-labels-idx1-ubyte.gz",
        28881,
        "d53e105ee54ea40749a09fcbcd1e9432",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        MNIST_URLS,
    ),
    _file(
        "t10k-images-idx3-ubyte.gz",
        1648877,
        "9fb629c4189551a2d022fa330f9573f3",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        MNIST_URLS,
    ),
    _file(
        "t10k-labels-idx1-ubyte.gz",
        4542,
        "ec29112dd5afa0611ce80d1b7f02629c",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        MNIST_URLS,
    ),
)
# The binary version: plain bytes, where the Python version is a pickle that could run code.
CIFAR_FILES = (
    _file(
        "cifar-10-binary.tar.gz",
        170052171,
        "c32a1d4ab5d03f1284b67883e8d87530",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        CIFAR_URLS,
    ),
)

ZALANDO, MIT = "https://github.com/zalandoresearch/fashion-mnist", "MIT, Copyright (c) 2017 Zalando SE"
LECUN = "http://yann.lecun.com/exdb/mnist/"
SHARE_ALIKE = "not stated on its home page; commonly given as CC BY-SA 3.0"
UNSTATED = "not stated on its home page, which asks to cite the report (Krizhevsky 2009)"

KNOWN = {
    known.name: known
    for known in (
        KnownSet("fashion-mnist-test", "Fashion-MNIST, test split", ZALANDO, MIT, 10_000, (1, 28, 28), CLOTHES),
        KnownSet("fashion-mnist", "Fashion-MNIST", ZALANDO, MIT, 70_000, (1, 28, 28), CLOTHES, FASHION_FILES),
        KnownSet("mnist", "MNIST handwritten digits", LECUN, SHARE_ALIKE, 70_000, (1, 28, 28), DIGITS, MNIST_FILES),
        KnownSet(
            "cifar10",
            "CIFAR-10",
            "https://www.cs.toronto.edu/~kriz/cifar.html",
            UNSTATED,
            60_000,
            (3, 32, 32),
            OBJECTS,
            CIFAR_FILES,
        ),
    )
}
