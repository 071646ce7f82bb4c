using System.Security.Cryptography;
using System.Xml.Linq;
using KestrelKv.Client;
using KestrelKv.Client.Testing;
using KestrelKv.Extensions.AspNetCore;
using KestrelKv.Extensions.AspNetCore.DataProtection;
using KestrelKv.Testing;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace KestrelKv.Extensions.Tests.AspNetCore;

public sealed class DataProtectionTests
{
    [Fact]
    public async Task Payload_OfOneHost_IsReadByTheOther_AndAfterARestart()
    {
        using var data = new DataDirectory();
        string payload;
        await using (ServerProcess server = await ServerProcess.StartAsync(data: data))
        {
            await using var client = new KestrelKvClient($"Host=127.0.0.1;Port={server.WirePort}");
            await using ServiceProvider first = Services(client), second = Services(client), other = Services(client, "other:");
            payload = Protector(first).Protect("hello");
            Assert.Equal("hello", Protector(second).Unprotect(payload));
            Assert.Equal("hello", Protector(first).Unprotect(Protector(second).Protect("hello")));
            Assert.Throws<CryptographicException>(() => Protector(other).Unprotect(payload));
            Assert.Equal((1, 1), (await client.CountAsync("keys:"), await client.CountAsync("other:")));
            Assert.Equal(0, await server.StopAsync());
        }
        await using ServerProcess restarted = await ServerProcess.StartAsync(data: data);
        await using var clientAfter = new KestrelKvClient($"Host=127.0.0.1;Port={restarted.WirePort}");
        await using ServiceProvider after = Services(clientAfter);
        Assert.Equal("hello", Protector(after).Unprotect(payload));
    }

    [Fact]
    public async Task Server_ThatEvicts_IsRefused()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Store:Eviction=Lru", "Store:MemoryBytesMax=16777216"]);
        await using var client = new KestrelKvClient($"Host=127.0.0.1;Port={server.WirePort}");
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Repository(client).GetAllElements());
        Assert.Contains("Store:Eviction is Lru", error.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => Repository(client).StoreElement(new XElement("a"), "a"));
        Assert.Equal(0, await client.CountAsync(""));
    }

    [Fact]
    public async Task Server_InMemory_IsRefusedUnlessAllowed()
    {
        await using var server = new InMemoryServer();
        await using KestrelKvClient client = server.CreateClient();
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(
            () => Repository(client, options => options.AllowMemoryDurability = false).GetAllElements());
        Assert.Contains("AllowMemoryDurability", error.Message, StringComparison.Ordinal);
        Assert.Empty(Repository(client).GetAllElements());
    }

    [Fact]
    public async Task Elements_WithTheSameName_AreAllKept()
    {
        await using var server = new InMemoryServer();
        await using KestrelKvClient client = server.CreateClient();
        KestrelKvXmlRepository repository = Repository(client);
        repository.StoreElement(new XElement("first", "ä<&>\"\n"), "key/№ 1");
        repository.StoreElement(new XElement("second"), "key/№ 1");
        repository.StoreElement(new XElement("third"), "");
        repository.StoreElement(new XElement("fourth"), new string('x', 10_000));
        Assert.Equal(
            ["first", "fourth", "second", "third"], repository.GetAllElements().Select(element => element.Name.LocalName).Order(StringComparer.Ordinal));
        Assert.Equal("ä<&>\"\n", repository.GetAllElements().Single(element => element.Name == "first").Value);
        Assert.True((await client.GetUtf8Async("keys:key___1")).Found);
    }

    [Fact]
    public async Task Elements_ManyPages_AreAllReturned()
    {
        await using var server = new InMemoryServer();
        await using KestrelKvClient client = server.CreateClient();
        KestrelKvXmlRepository repository = Repository(client);
        for (int i = 0; i < 250; i++) repository.StoreElement(new XElement($"e{i}"), $"e{i}");
        Assert.Equal(250, repository.GetAllElements().Select(element => element.Name).Distinct().Count());
    }

    [Fact]
    public async Task DeleteElements_Chosen_AreRemoved()
    {
        await using var server = new InMemoryServer();
        await using KestrelKvClient client = server.CreateClient();
        KestrelKvXmlRepository repository = Repository(client);
        foreach (string name in (string[])["a", "b", "c"]) repository.StoreElement(new XElement(name), name);
        Assert.True(repository.DeleteElements(elements =>
        {
            foreach (var element in elements) element.DeletionOrder = element.Element.Name == "b" ? null : 1;
        }));
        Assert.Equal("b", repository.GetAllElements().Single().Name);
    }

    [Fact]
    public async Task Prefix_Empty_IsRefused()
    {
        await using var client = new KestrelKvClient();
        await using ServiceProvider services = Services(client, "");
        Assert.Throws<OptionsValidationException>(() => Protector(services).Protect("hello"));
    }

    private static KestrelKvXmlRepository Repository(KestrelKvClient client, Action<KestrelKvDataProtectionOptions>? configure = null)
    {
        var options = new KestrelKvDataProtectionOptions { Prefix = "keys:", AllowMemoryDurability = true };
        configure?.Invoke(options);
        return new(client, options, NullLogger<KestrelKvXmlRepository>.Instance);
    }

    private static ServiceProvider Services(KestrelKvClient client, string prefix = "keys:")
    {
        var services = new ServiceCollection();
        services.AddKeyedSingleton("kv", client);
        services.AddDataProtection().SetApplicationName("test").PersistKeysToKestrelKv(options => (options.Prefix, options.ClientServiceKey) = (prefix, "kv"));
        return services.BuildServiceProvider();
    }

    private static IDataProtector Protector(IServiceProvider services) => services.GetRequiredService<IDataProtectionProvider>().CreateProtector("purpose");
}
