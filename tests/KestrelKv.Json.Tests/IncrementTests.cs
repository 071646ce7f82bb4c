namespace KestrelKv.Json.Tests;

public sealed class IncrementTests
{
    [Theory]
    [InlineData("5", "", "3", "8", "8")]
    [InlineData("""{"a": -0 , "b":1}""", "/a", "0", """{"a": 0 , "b":1}""", "0")]
    [InlineData("""{"n":{"m":[7,8]}}""", "/n/m/1", "-10", """{"n":{"m":[7,-2]}}""", "-2")]
    [InlineData("9223372036854775806", "", "1", "9223372036854775807", "9223372036854775807")]
    [InlineData("-9223372036854775807", "", "-1", "-9223372036854775808", "-9223372036854775808")]
    [InlineData("1.50", "", "0.25", "1.75", "1.75")]
    [InlineData("1.5", "", "0.5", "2.0", "2.0")]
    [InlineData("1e2", "", "1", "101", "101")]
    [InlineData("0.1", "", "0.2", "0.3", "0.3")]
    [InlineData("-0.5", "", "0.5", "0.0", "0.0")]
    [InlineData("-0.0", "", "-0", "0.0", "0.0")]
    [InlineData("1", "", "-1.25", "-0.25", "-0.25")]
    [InlineData("0.9", "", "0.1", "1.0", "1.0")]
    [InlineData("9223372036854775806", "", "1e0", "9223372036854775807", "9223372036854775807")]
    [InlineData("1e19", "", "-1e19", "0", "0")]
    [InlineData("0e400", "", "1", "1", "1")]
    [InlineData("0e-400", "", "1", "1", "1")]
    [InlineData("-0e99999999999999999999", "", "1", "1", "1")]
    [InlineData("9223372036854775807", "", "1.0", "9223372036854775808.0", "9223372036854775808.0")]
    [InlineData(
        "9999999999999999999999999999999999.0", "", "-1", "9999999999999999999999999999999998.0", "9999999999999999999999999999999998.0")]
    public void Increment_Number_WritesExactSum(string document, string path, string number, string result, string part)
    {
        Edited edited = Edited.Increment(document, path, number);
        Assert.Equal((result, part), (edited.Text, edited.Part));
    }

    [Theory]
    [InlineData(null, "", "5", "5")]
    [InlineData(null, "/a/0/~1", "5", """{"a":{"0":{"/":5}}}""")]
    [InlineData("{}", "/a", "-1.50", """{"a":-1.50}""")]
    [InlineData("""{ "x" : 1 }""", "/a/b", "1e2", """{ "x" : 1,"a":{"b":100} }""")]
    [InlineData("""{"l":[ 1 ], "y":2}""", "/l/-", "5", """{"l":[ 1,5 ], "y":2}""")]
    [InlineData("[]", "/-/a", "5", """[{"a":5}]""")]
    public void Increment_MissingPath_CreatesObjects(string? document, string path, string number, string result)
    {
        Edited edited = Edited.Increment(document, path, number);
        Assert.Equal(result, edited.Text);
        Assert.Equal(number == "1e2" ? "100" : number, edited.Part);
    }

    [Theory]
    [InlineData("""{"a":1}""", "/a/b", EditStatus.PathNotFound)]
    [InlineData("""{"a":null}""", "/a/b", EditStatus.PathNotFound)]
    [InlineData("[1]", "/1", EditStatus.PathNotFound)]
    [InlineData("[1]", "/5/a", EditStatus.PathNotFound)]
    [InlineData("[1]", "/a", EditStatus.PathNotFound)]
    [InlineData("\"1\"", "", EditStatus.NotANumber)]
    [InlineData("""{"a":null}""", "/a", EditStatus.NotANumber)]
    [InlineData("[[]]", "/0", EditStatus.NotANumber)]
    public void Increment_NotANumber_IsRefused(string document, string path, EditStatus status)
    {
        Edited edited = Edited.Increment(document, path, "1");
        Assert.Equal(status, edited.Status);
        Assert.NotNull(edited.Detail);
    }

    /// <summary>Tries every spelling of numbers near the limits. The next increment must accept every sum.</summary>
    [Fact]
    public void Increment_AnySpelling_WritesIncrementableSum()
    {
        string[] mantissas = ["0", "-0", "1", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1.5", "0.10", "-0.0", "9999999999999999999999999999999999"];
        string[] exponents = ["", "e0", "E1", "e+18", "e19", "e-1", "e-64", "e64", "e400", "e-400", "e99999999999999999999"];
        string[] numbers = [.. mantissas.SelectMany(mantissa => exponents.Select(exponent => mantissa + exponent))];
        foreach (string number in numbers)
        {
            foreach (string delta in numbers)
            {
                string? sum = Edited.Increment(number, "", delta).Part;
                if (sum is not null) Assert.Equal(sum, Edited.Increment(sum, "", "0").Part);
            }
        }
    }

    [Theory]
    [InlineData("9223372036854775807", "1")]
    [InlineData("-9223372036854775808", "-1")]
    [InlineData("9223372036854775808", "-1")]
    [InlineData("9223372036854775808", "0.5")]
    [InlineData("1", "9223372036854775808")]
    [InlineData("9999999999999999999999999999999999.0", "1.1")]
    [InlineData("1e34", "1")]
    [InlineData("9223372036854775807", "1e0")]
    [InlineData("-9223372036854775808", "-10000000000000000000e0")]
    [InlineData("1e19", "1")]
    [InlineData("1", "1e19")]
    [InlineData("1e19", "0")]
    [InlineData("1e65", "1")]
    [InlineData("1e-65", "1")]
    [InlineData("9e64", "1e64")]
    [InlineData("1e99999999999999999999", "1")]
    [InlineData("1e-9223372036854775808", "1")]
    public void Increment_SumOutOfRange_Overflows(string document, string number) =>
        Assert.Equal(EditStatus.NumberOverflow, Edited.Increment(document, "", number).Status);
}
