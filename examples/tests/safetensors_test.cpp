#include "embedding_gather/safetensors.hpp"

#include <gtest/gtest.h>

#include "common/csr_file.hpp"
#include "tests/support.hpp"

namespace examples {
namespace {

std::string with_header(const std::string& json, std::size_t data_bytes) {
    const std::uint64_t length = json.size();
    std::string content(reinterpret_cast<const char*>(&length), sizeof(length));
    return content + json + std::string(data_bytes, 'd');
}

std::string one_tensor(const std::string& name, const std::string& fields) {
    return "{\"" + name + "\":{" + fields + "}}";
}

class SafetensorsTest : public testing::Test {
protected:
    std::vector<Tensor> read(const std::string& json, std::size_t data_bytes) {
        return read_safetensors(File::open(folder_.write("m", with_header(json, data_bytes))));
    }
    std::string error(const std::string& json, std::size_t data_bytes) {
        return message_of<FormatError>([&] { read(json, data_bytes); });
    }
    std::string embedding_error(const std::string& json, const std::string& name = "") {
        return message_of<FormatError>([&] { find_embedding(read(json, 100), name); });
    }

    TemporaryFolder folder_;
};

constexpr const char* kMatrix = R"("dtype":"F32","shape":[3,2],"data_offsets":[4,28])";

TEST_F(SafetensorsTest, FindsTheEmbeddingAndItsPlace) {
    const std::string json = R"({"__metadata__":{"format":"pt"},"bias":)"
                             R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                             R"("embeddings.word_embeddings.weight":{)" +
                             std::string(kMatrix) + "}}";
    const auto tensors = read(json, 28);
    ASSERT_EQ(tensors.size(), 2U);
    const Tensor tensor = find_embedding(tensors, "");
    EXPECT_EQ(tensor.name, "embeddings.word_embeddings.weight");
    EXPECT_EQ(tensor.position_bytes, 8 + json.size() + 4);
    EXPECT_EQ(tensor.size_bytes, 24U);
    EXPECT_EQ(tensor.shape, (std::vector<std::uint64_t>{3, 2}));
}

TEST_F(SafetensorsTest, FindsATensorByName) {
    const auto tensors = read(one_tensor("odd", kMatrix), 28);
    EXPECT_EQ(find_embedding(tensors, "odd").name, "odd");
    EXPECT_TRUE(
        contains(message_of<FormatError>([&] { find_embedding(tensors, ""); }), "--tensor"));
    EXPECT_TRUE(contains(message_of<FormatError>([&] { find_embedding(tensors, "none"); }),
                         "no tensor none"));
}

TEST_F(SafetensorsTest, AsksWhichWhenTwoFit) {
    const std::string both =
        R"({"wte.weight":{)" + std::string(kMatrix) + R"(},"x.wte.weight":{)" + kMatrix + "}}";
    EXPECT_TRUE(contains(embedding_error(both), "both wte.weight and x.wte.weight"));
}

TEST_F(SafetensorsTest, RefusesLengthsBeyondTheFile) {
    const std::uint64_t huge = ~std::uint64_t{0};
    const std::string content(reinterpret_cast<const char*>(&huge), sizeof(huge));
    const auto path = folder_.write("m", content);
    EXPECT_TRUE(contains(message_of<FormatError>([&] { read_safetensors(File::open(path)); }),
                         "safetensors file?"));
    const auto tiny = folder_.write("m", "abc");
    EXPECT_TRUE(
        contains(message_of<FormatError>([&] { read_safetensors(File::open(tiny)); }), "shorter"));
}

TEST_F(SafetensorsTest, RefusesWhatIsNotJson) {
    EXPECT_TRUE(contains(error("{\"a\":", 0), "not JSON"));
    EXPECT_TRUE(contains(error("[1]", 0), "not a JSON object"));
    EXPECT_TRUE(contains(error("{\"a\":1}", 0), "tensor a"));
    EXPECT_TRUE(
        contains(error(one_tensor("a", R"("dtype":"F32","shape":[1])"), 4), "data_offsets"));
}

TEST_F(SafetensorsTest, RefusesTensorsOutsideTheFile) {
    EXPECT_TRUE(contains(error(one_tensor("a", kMatrix), 27), "4 to 28 of 27"));
    const auto backwards = one_tensor("a", R"("dtype":"F32","shape":[1],"data_offsets":[8,4])");
    EXPECT_TRUE(contains(error(backwards, 100), "8 to 4"));
    const auto negative = one_tensor("a", R"("dtype":"F32","shape":[1],"data_offsets":[-4,0])");
    EXPECT_TRUE(contains(error(negative, 100), "bad data_offsets"));
}

TEST_F(SafetensorsTest, RefusesMatricesThatAreNone) {
    const auto with = [](const char* fields) { return one_tensor("wte.weight", fields); };
    EXPECT_TRUE(contains(
        embedding_error(with(R"("dtype":"I8","shape":[2,2],"data_offsets":[0,4])")), "dtype I8"));
    EXPECT_TRUE(
        contains(embedding_error(with(R"("dtype":"F32","shape":[4],"data_offsets":[0,16])")),
                 "1 dimensions"));
    EXPECT_TRUE(
        contains(embedding_error(with(R"("dtype":"F32","shape":[2,3],"data_offsets":[0,16])")),
                 "not 2 x 3"));
    // 2^62 x 4 elements of 4 bytes wrap round to 0.
    EXPECT_TRUE(
        contains(embedding_error(
                     with(R"("dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0])")),
                 "not 4611686018427387904 x 4"));
}

}  // namespace
}  // namespace examples
