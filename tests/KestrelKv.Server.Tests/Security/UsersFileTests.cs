using System.Text;
using KestrelKv.Server.Security;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Security;

/// <summary>The format of the users file: valid files, faults with their places, and random damage.</summary>
public sealed class UsersFileTests
{
    private const string Hash = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

    private const string Valid = $$$"""
        {
          "version": 1,
          "roles": {
            "orders": {"grants": [{"prefix": "order:", "allow": ["read", "write", "watch"]}]},
            "ops": {"grants": [], "server": ["admin", "metrics"]}
          },
          "users": {
            "app": {"roles": ["orders"], "secrets": [{"sha256": "{{{Hash}}}", "expires": "2030-01-01T00:00:00Z"}], "certificates": ["sha256:{{{Hash}}}"]},
            "off": {"roles": [], "enabled": false}
          },
          "anonymous": {"roles": ["ops"], "from": ["10.1.0.0/16", "::1/128"]}
        }
        """;

    [Fact]
    public void Parse_ValidFile_HasItsContents()
    {
        UsersFile file = Parse(Valid);
        Assert.Equal(["orders", "ops"], file.Roles.Keys);
        Assert.Equal(["app", "off"], file.Users.Keys);
        Assert.False(file.Users["off"].Enabled);
        Assert.Equal(["10.1.0.0/16", "::1/128"], file.Anonymous!.From);
    }

    [Fact]
    public void ToText_Parsed_IsTheSameFile()
    {
        string text = Parse(Valid).ToText();
        Assert.Equal(text, Parse(text).ToText());
    }

    [Theory]
    [InlineData("\"version\": 1", "\"version\": 2", "version: the version is 2, expected 1")]
    [InlineData("\"version\": 1,", "", "version")]
    [InlineData("\"prefix\": \"order:\"", "\"prefixes\": \"order:\"", "'prefixes'")]
    [InlineData("\"prefix\": \"order:\", ", "", "'prefix'")]
    [InlineData("\"prefix\": \"order:\"", "\"prefix\": null", "$.roles.orders.grants[0]")]
    [InlineData("\"watch\"]", "\"admin\"]", "$.roles.orders.grants[0].allow[2]")]
    [InlineData("\"watch\"]", "2]", "$.roles.orders.grants[0].allow[2]")]
    [InlineData("{\"grants\": [], \"server\": [\"admin\", \"metrics\"]}", "null", "roles.ops: a value is null")]
    [InlineData("[{\"prefix\": \"order:\", \"allow\": [\"read\", \"write\", \"watch\"]}]", "[null]", "roles.orders.grants: a value is null")]
    [InlineData("[\"orders\"]", "[\"order\"]", "users.app.roles: the role \"order\" does not exist, expected one of orders, ops")]
    [InlineData("[\"orders\"]", "[null]", "users.app.roles: a value is null")]
    [InlineData("[\"orders\"]", "\"orders\"", "$.users.app.roles")]
    [InlineData("\"off\":", "\"app\":", "app")]
    [InlineData("\"off\":", "\"o\\nff\":", "is not the name of a user")]
    [InlineData("\"off\":", "\"\":", "is not the name of a user")]
    [InlineData("\"ops\": {", "\"o ps\": {", "is not the name of a role")]
    [InlineData("\"sha256\": \"00", "\"sha256\": \"0", "users.app.secrets: \"sha256\" is not the SHA-256 of a secret")]
    [InlineData("\"sha256:00", "\"md5:00", "users.app.certificates: \"md5:00")]
    [InlineData("\"off\": {\"roles\": []", "\"off\": {\"roles\": [], \"secrets\": [{\"sha256\": \"" + Hash + "\"}]", "is listed twice")]
    [InlineData("2030-01-01T00:00:00Z", "tomorrow", "$.users.app.secrets[0].expires")]
    [InlineData("10.1.0.0/16", "10.1.0.0/33", "anonymous.from: \"10.1.0.0/33\" is not a network")]
    [InlineData("10.1.0.0/16", "everywhere", "anonymous.from")]
    [InlineData("\"enabled\": false", "\"enabled\": \"false\"", "$.users.off.enabled")]
    public void Parse_Fault_NamesFilePlaceAndReason(string from, string to, string expected)
    {
        string text = Valid.Replace(from, to, StringComparison.Ordinal);
        Assert.NotEqual(Valid, text);

        string message = Assert.Throws<UsersFileException>(() => Parse(text)).Message;

        Assert.StartsWith("the users file /etc/users.json (KestrelKv:Security:UsersFile) is not valid: ", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"version\": 1")]
    [InlineData("\u0000")]
    public void Parse_NoFile_Fails(string text) => Assert.Throws<UsersFileException>(() => Parse(text));

    [Fact]
    public void Parse_RandomDamage_SucceedsOrReportsTheFault() => Seeds.Run(random =>
    {
        for (int i = 0; i < 3_000; i++)
        {
            List<byte> bytes = [.. Encoding.UTF8.GetBytes(Valid)];
            for (int changes = random.Next(1, 4); changes > 0; changes--)
            {
                int at = random.Next(bytes.Count);
                switch (random.Next(4))
                {
                    case 0: bytes[at] = (byte)random.Next(256); break;
                    case 1: bytes.RemoveRange(at, Math.Min(random.Next(1, 20), bytes.Count - at)); break;
                    case 2: bytes.InsertRange(at, "null"u8); break;
                    default: bytes.InsertRange(at, bytes.GetRange(0, random.Next(bytes.Count))); break;
                }
            }
            try
            {
                _ = new UserTable(UsersFile.Parse("f", [.. bytes]));
            }
            catch (UsersFileException)
            {
                // The expected outcome of most damage. Any other exception would end the server.
            }
        }
    });

    private static UsersFile Parse(string text) => UsersFile.Parse("/etc/users.json", Encoding.UTF8.GetBytes(text));
}
