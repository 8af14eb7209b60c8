"""The product's addresses, and the two admin sites beside them."""

from django.urls import path

from benchmarks.peers.admin import site, site_without_count
from config import urls as product

urlpatterns = [
    *product.urlpatterns,
    path("peers/admin/", site.urls),
    path("peers/admin-without-count/", site_without_count.urls),
]
handler400, handler403 = product.handler400, product.handler403
handler404, handler500 = product.handler404, product.handler500
